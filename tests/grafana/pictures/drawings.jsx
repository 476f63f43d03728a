// The two kinds of panels that Grafana's library has not: drawn from the same answers, as Grafana would.

export function HeatMap({ frame, theme, width, height }) {
  const rows = frame.fields.slice(1).map(({ name, values }) => ({ bound: name === '+Inf' ? Infinity : Number(name), values }));
  rows.sort((a, b) => a.bound - b.bound);
  const cells = rows.map(({ values }, row) => values.map((value, at) => Math.max(0, (value ?? 0) - (rows[row - 1]?.values[at] ?? 0))));
  const most = Math.max(...cells.flat(), 1e-9);
  const [cell, line] = [(width - 55) / cells[0].length, height / rows.length];
  return (
    <svg width={width} height={height}>
      {cells.map((values, row) => (
        <g key={row} transform={`translate(0 ${height - (row + 1) * line})`}>
          <text x={2} y={line - 1} fontSize={8} fill={theme.colors.text.secondary}>{`${rows[row].bound} s`}</text>
          {values.map((value, at) => value > most / 1e4 && (
            <rect key={at} x={50 + cell * at} width={cell - 0.5} height={line - 0.5} fill={`hsl(${240 - 240 * (value / most) ** 0.4} 80% 50%)`} />
          ))}
        </g>
      ))}
    </svg>
  );
}

export function States({ panel, frame, theme, width, height }) {
  const words = panel.fieldConfig.defaults.mappings[0].options;
  const fields = frame.fields.slice(1);
  const line = Math.min(30, height / fields.length);
  return (
    <svg width={width} height={height}>
      {fields.map(({ name, values }, row) => (
        <g key={name} transform={`translate(0 ${row * line})`}>
          <text x={4} y={line * 0.65} fontSize={11} fill={theme.colors.text.primary}>{name}</text>
          {values.map((value, at) => value !== null && (
            <rect key={at} x={180 + ((width - 190) * at) / values.length} y={3} width={(width - 190) / values.length + 0.5}
              height={line - 6} fill={theme.visualization.getColorByName(words[value].color)} />
          ))}
        </g>
      ))}
    </svg>
  );
}
