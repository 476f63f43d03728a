// A dashboard on one page, from its JSON and the answers to its queries (window.DASHBOARD).
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { FieldType, ThemeContext, createTheme, dateTime } from '@grafana/data';
import { BigValue, GlobalStyles, Table, TimeSeries } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import { HeatMap, States } from './drawings.jsx';
import { configured, legend, seriesFrame, tableFrame } from './frames.js';

const { board, answers, chosen, range, mode } = window.DASHBOARD;
const theme = createTheme({ colors: { mode } });
const [from, to] = [dateTime(range.begin * 1000), dateTime(range.end * 1000)];
const timeRange = { from, to, raw: { from, to } };
const [COLUMN, LINE] = [60, 38];
const filled = (text) => text.replace(/\$\{?(\w+)\}?/g, (variable, name) => chosen[name] ?? variable);

function Figures({ panel, width, height }) {
  const result = answers[`${panel.id}A`];
  const field = { name: 'Value', type: FieldType.number, values: result.map(({ value }) => Number(value[1])), config: {} };
  configured(panel, { fields: [field], length: result.length }, theme);
  if (!result.length) {
    const nothing = field.display(null);
    return <BigValue {...{ theme, width, height }} value={{ ...nothing, text: nothing.text || 'No data' }} colorMode={panel.options.colorMode} />;
  }
  return result.map(({ metric }, row) => {
    const value = { ...field.display(field.values[row]), title: result.length > 1 ? legend(panel.targets[0], metric) : undefined };
    const { colorMode, graphMode } = panel.options;
    return <BigValue key={row} {...{ theme, width, value, colorMode, graphMode }} height={height / result.length} />;
  });
}

function Nothing({ panel }) {
  const text = filled(panel.fieldConfig.defaults.noValue ?? 'No data');
  return <div style={{ padding: 20, textAlign: 'center', color: theme.colors.text.secondary }}>{text}</div>;
}

function Drawn({ panel, width, height }) {
  const [frame, setFrame] = useState();
  useEffect(() => {
    Promise.resolve(panel.type === 'table' ? tableFrame(panel, answers, theme) : seriesFrame(panel, answers, theme, range)).then(setFrame);
  }, []);
  if (!frame) return null;
  if (!frame.length) return <Nothing panel={panel} />;
  const size = { width, height };
  if (panel.type === 'table') return <Table data={frame} {...size} />;
  if (panel.type === 'heatmap') return <HeatMap {...{ frame, theme }} {...size} />;
  if (panel.type === 'state-timeline') return <States {...{ panel, frame, theme }} {...size} />;
  const shownLegend = { ...panel.options.legend, displayMode: 'list', calcs: [] };
  return (
    <TimeSeries frames={[frame]} structureRev={1} timeZone="utc" timeRange={timeRange} legend={shownLegend} options={panel.options} {...size}>
      {() => null}
    </TimeSeries>
  );
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: 'absolute', left: x * COLUMN + 3, top: y * LINE + 3, width: w * COLUMN - 6, height: h * LINE - 6 };
  if (panel.type === 'row') return <div style={{ ...place, padding: 8, fontWeight: 600 }}>{filled(panel.title)}</div>;
  const [width, height] = [place.width - 18, place.height - 36];
  const Body = panel.type === 'stat' ? Figures : Drawn;
  const frame = { background: theme.colors.background.primary, border: `1px solid ${theme.colors.border.weak}`, overflow: 'hidden' };
  return (
    <div style={{ ...place, ...frame }}>
      <div style={{ height: 28, padding: '5px 8px', fontWeight: 500 }}>{filled(panel.title)}</div>
      <div style={{ padding: '0 8px' }}><Body {...{ panel, width, height }} /></div>
    </div>
  );
}

const bottom = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * LINE;
const canvas = { position: 'relative', width: 24 * COLUMN, height: bottom, background: theme.colors.background.canvas };
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ ...canvas, color: theme.colors.text.primary }}>{board.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}</div>
  </ThemeContext.Provider>,
);
