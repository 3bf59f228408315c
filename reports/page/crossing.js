// ---- crossing: the mean of a number at each point of two axes; lines that are not parallel are an interaction

const ROW = 44; // pixels
const MARKS = [
  'M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z', 'M-4-4h8v8h-8z', 'M0-5.5 5.5 4.5h-11z', 'M0-6 6 0 0 6-6 0z',
  'M0 5.5-5.5-4.5h11z', 'M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z', 'M-5.5-2.5h11v5h-11z', 'M-2.5-5.5h5v11h-5z',
];

/** The means of a column along one axis (rows), a line for each point of another. */
function crossing(book, column, axis, across) {
  const [own, other] = [book.axes.indexOf(axis), book.axes.indexOf(across)];
  const found = book.findings.crossings.find(([a, b, of]) => of === column.place && [a, b].includes(own) && [a, b].includes(other));
  if (!found) return [];
  const turned = found[0] !== own;
  const cells = found[3].map(([a, b, n, mean, low, high]) => ({ row: turned ? b : a, line: turned ? a : b, n, mean, low, high }));
  const rows = [...new Set(cells.map(({ row }) => row))].sort((a, b) => a - b);
  const lines = [...new Set(cells.map(({ line }) => line))].sort((a, b) => a - b);
  const scale = span(cells.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]));
  const title = make('h3', {}, `${column.title}${withUnit(column)} by `, make('bdi', {}, axis.title), ' and ', make('bdi', {}, across.title));
  const labels = rows.map((row) => make('div', { class: 'crossing-label', title: visible(axis.labels[row]) }, labelText(axis.labels[row])));
  return [make('figure', { class: 'crossing' }, title, crossingLegend(across, lines),
    make('div', { class: 'crossing-plot' }, make('div', { class: 'crossing-labels' }, ...labels),
      make('div', {}, scaleAxis(scale), crossingPlot(axis, across, column, cells, rows, lines, scale))),
    make('p', { class: 'quiet' }, 'Means with their 95 % intervals. Lines that run apart or cross say that one axis changes what the other does.'))];
}

function crossingLegend(across, lines) {
  const items = lines.map((line, place) => make('li', {},
    draw('svg', { class: `crossing-key series-${place}`, viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, draw('path', { d: MARKS[place % MARKS.length] })),
    labelText(across.labels[line])));
  return make('ul', { class: 'crossing-legend' }, ...items);
}

function crossingPlot(axis, across, column, cells, rows, lines, scale) {
  const height = rows.length * ROW;
  const grid = scale.ticks.map((tick) => draw('line', { x1: scale.at(tick), x2: scale.at(tick), y1: 0, y2: height, class: 'grid-line' }));
  const series = lines.map((line, place) => {
    const own = cells.filter((cell) => cell.line === line).sort((a, b) => a.row - b.row);
    const shift = (place - (lines.length - 1) / 2) * Math.min(7, 28 / lines.length);
    const at = ({ row }) => (rows.indexOf(row) + 0.5) * ROW + shift;
    const joins = own.slice(1).map((cell, before) => draw('line', {
      x1: scale.at(own[before].mean), y1: at(own[before]), x2: scale.at(cell.mean), y2: at(cell), class: 'crossing-line',
    }));
    const marks = own.map((cell) => crossingMark(axis, across, column, cell, at(cell), place, scale));
    return draw('g', { class: `series-${place}` }, ...joins, ...marks);
  });
  const said = `${column.title} by ${axis.title} and ${across.title}: ${cells.length} means`;
  return draw('svg', { class: 'crossing-svg', height, role: 'img', 'aria-label': said }, ...grid, ...series);
}

function crossingMark(axis, across, column, { row, line, n, mean, low, high }, y, place, scale) {
  const say = (value) => numberText(column, value);
  const interval = low === null ? '' : `, interval ${say(low)} to ${say(high)}`;
  const words = `${visible(axis.labels[row])}, ${visible(across.labels[line])}: ${say(mean)}${interval}, n = ${n}`;
  const range = low === null ? [] : [draw('line', { x1: scale.at(low), x2: scale.at(high), y1: y, y2: y, class: 'crossing-range' })];
  const mark = draw('svg', { x: scale.at(mean), y, width: 1, height: 1, overflow: 'visible' }, draw('path', { d: MARKS[place % MARKS.length] }));
  return draw('g', {}, draw('title', {}, words), ...range, mark);
}
