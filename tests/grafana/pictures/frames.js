// What Grafana does between a server's answer and a panel: series become frames, and a panel's settings those of fields.
import { FieldType, getDisplayProcessor, standardTransformers, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

const transformers = new Map(Object.values(standardTransformers).map((each) => [each.id, each]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((each) => ({ id: each.id, name: each.name, transformation: () => Promise.resolve(each) })));

export const legend = (target, labels) =>
  (target.legendFormat || '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

/** The answers of a panel over time, one field for each series. */
export function seriesFrame(panel, answers, theme, { begin, end, step }) {
  const times = [];
  for (let at = begin; at <= end; at += Math.max(step, minutes(panel.interval))) times.push(at);
  const fields = [{ name: 'Time', type: FieldType.time, values: times.map((at) => at * 1000), config: {} }];
  for (const target of panel.targets) {
    for (const { metric, values } of answers[panel.id + target.refId]) {
      const known = new Map(values.map(([at, value]) => [at, Number(value)]));
      const name = legend(target, metric);
      fields.push({ name, type: FieldType.number, values: times.map((at) => known.get(at) ?? null), config: {} });
    }
  }
  return configured(panel, { fields, length: fields.length > 1 ? times.length : 0, refId: 'A' }, theme);
}

const minutes = (interval) => (interval ? parseInt(interval, 10) * 60 : 0);

/** The answer of a table, transformed and sorted as the panel says. */
export async function tableFrame(panel, answers, theme) {
  const result = answers[`${panel.id}A`];
  if (!result.length) return { fields: [], length: 0 };
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].filter((name) => name !== '__name__');
  const fields = [
    { name: 'Time', type: FieldType.time, values: result.map(({ value }) => value[0] * 1000), config: {} },
    ...labels.sort().map((name) => ({ name, type: FieldType.string, values: result.map(({ metric }) => metric[name] ?? ''), config: {} })),
    { name: 'Value', type: FieldType.number, values: result.map(({ value }) => Number(value[1])), config: {} },
  ];
  const [frame] = await firstValueFrom(transformDataFrame(panel.transformations, [{ fields, length: result.length, refId: 'A' }]));
  return sorted(configured(panel, frame, theme), panel.options.sortBy?.[0]);
}

function sorted(frame, by) {
  const field = frame.fields.find((each) => each.config.displayName === by?.displayName);
  if (!field) return frame;
  const values = [...field.values];
  const order = values.map((_, row) => row).sort((a, b) => (values[a] > values[b] ? 1 : -1) * (by.desc ? -1 : 1));
  frame.fields.forEach((each) => { each.values = order.map((row) => each.values[row]); });
  return frame;
}

/** Give each field what the panel's defaults and overrides say of it. */
export function configured(panel, frame, theme) {
  let series = 0;
  for (const field of frame.fields) {
    const name = field.config.displayName || field.name;
    field.config = field.type === FieldType.time ? { custom: {} } : settings(panel, field, name);
    const displayName = field.config.displayName || name;
    field.config.displayName = displayName;
    field.state = { displayName, seriesIndex: field.type === FieldType.number ? series++ : undefined };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    field.getLinks = () => [];
  }
  return frame;
}

function settings(panel, field, name) {
  const { defaults, overrides } = panel.fieldConfig;
  const result = { color: { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' }, ...defaults };
  result.custom = { ...defaults.custom };
  for (const { matcher, properties } of overrides.filter((each) => matches(each.matcher, field, name))) {
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) result.custom[id.slice('custom.'.length)] = value;
      else result[id] = value;
    }
  }
  const steps = result.thresholds?.steps ?? [{ value: null, color: 'green' }];
  result.thresholds = { mode: 'absolute', steps: steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };
  delete result.links;
  return result;
}

function matches({ id, options }, field, name) {
  if (id === 'byName') return options === name;
  if (id === 'byRegexp') return new RegExp(`^(?:${options})$`).test(name);
  return id === 'byType' && options === field.type;
}
