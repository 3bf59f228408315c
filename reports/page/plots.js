// ---- plots: how a number lies at each point of an axis, and what each point does to it; computed in Python, drawn here

const VERDICTS = {
  nothing: ({ n }) => `changes nothing: the pictures of all ${counted(n)} pairs are identical`,
  'not measurable': ({ n, identical }) => `changes nothing that is measured: every interval holds 0 (${counted(n)} pairs, ${counted(identical)} identical)`,
  few: ({ n }) => `cannot be judged from ${counted(n)} pairs`,
  something: ({ n, moved }) => `changes ${moved.join(', ')} (${counted(n)} pairs)`,
};
const MOST_TWINS = 12; // groups, and half as many cells of each

/** Builds the section when the reader comes near it, takes it down when they leave, and returns what brings it in line with a view. */
function createPlots(book, scroller, change) {
  const section = part('numbers');
  const columns = plottedColumns(book);
  section.hidden = !columns.size;
  if (!columns.size) return () => {};
  const by = [...new Set(book.findings.spreads.map(([axis]) => axis))].map((axis) => book.axes[axis]);
  const controls = plotControls(book, columns, by, change);
  let view = null;
  let near = false;
  const draw = () => {
    if (!near || !view) return;
    const chosen = chosenPlot(book, view, columns, by);
    controls.update(chosen);
    drawPlots(book, chosen);
  };
  const watcher = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting === near || section.contains(document.activeElement)) return;
    near = !near;
    section.style.minHeight = near ? '' : `${section.offsetHeight}px`;
    if (!near) {
      for (const id of ['numbers-said', 'numbers-plots']) part(id).replaceChildren();
      return;
    }
    part('numbers-said').replaceChildren(...verdictList(book), ...twinList(book));
    part('numbers-controls').replaceChildren(...controls.nodes);
    draw();
  }, { root: scroller, rootMargin: '200px' });
  watcher.observe(section);
  new ResizeObserver(onceAFrame(draw)).observe(part('numbers-plots'));
  return (next) => {
    const changed = !view || ['plot', 'by', 'across'].some((name) => next[name] !== view[name]);
    view = next;
    if (changed) draw();
  };
}

/** Columns that something is said of, by name. */
function plottedColumns(book) {
  const said = new Set(book.findings.spreads.map(([, column]) => column));
  const all = book.findings.columns.map(([name, title, unit, digits], place) => ({ name, title, unit, digits, place }));
  return new Map(all.filter(({ place }) => said.has(place)).map((column) => [column.name, column]));
}

function chosenPlot(book, view, columns, by) {
  const column = columns.get(view.plot) ?? columns.get(view.paint) ?? columns.get('sharpness') ?? [...columns.values()][0];
  const axis = by.find(({ name }) => name === view.by) ?? by[0];
  const others = crossable(book, column, axis);
  return { column, axis, others, across: others.find(({ name }) => name === view.across) ?? others[0] ?? null };
}

/** Axes that this one is crossed with. */
function crossable(book, column, axis) {
  const place = book.axes.indexOf(axis);
  const pairs = book.findings.crossings.filter(([a, b, of]) => of === column.place && (a === place || b === place));
  return pairs.map(([a, b]) => book.axes[a === place ? b : a]);
}

function plotControls(book, columns, by, change) {
  const select = (id, words, options, name) => {
    const found = make('select', { id }, ...options);
    found.addEventListener('change', () => change((view) => ({ ...view, [name]: found.value }), 'replace'));
    return [make('label', { class: 'choice' }, make('span', {}, words), found), found];
  };
  const options = (axes) => axes.map(({ name, title }) => make('option', { value: name }, title));
  const [of, column] = select('plot-column', 'Number', [...columns.values()].map(({ name, title }) => make('option', { value: name }, title)), 'plot');
  const [along, axis] = select('plot-axis', 'by', options(by), 'by');
  const [with_, across] = select('plot-across', 'and', [], 'across');
  return {
    nodes: [of, along, with_],
    update: (chosen) => {
      column.value = chosen.column.name;
      axis.value = chosen.axis.name;
      across.replaceChildren(...options(chosen.others));
      with_.hidden = !chosen.across;
      if (chosen.across) across.value = chosen.across.name;
    },
  };
}

// -- what is said in words

function verdictList(book) {
  const lines = book.findings.changes.map(([axis, against, verdict, n, identical, moved]) => make('li', {},
    make('strong', {}, make('bdi', {}, book.axes[axis].title)), ` ${VERDICTS[verdict]({ n, identical, moved })}`,
    make('span', { class: 'quiet' }, ', against ', make('bdi', {}, visible(book.axes[axis].labels[against])))));
  const note = book.findings.note ? [make('p', { class: 'quiet' }, book.findings.note)] : [];
  return [...note, ...(lines.length ? [make('ul', { class: 'verdicts' }, ...lines)] : [])];
}

/** Cells that share a picture though they ask for different things. */
function twinList(book) {
  const { twins } = book.findings;
  if (!twins.length) return [];
  const title = (digest) => {
    const tile = tileOf(book, digest);
    return tile < 0 ? digest : book.title(tile);
  };
  const items = twins.slice(0, MOST_TWINS).map((cells) => make('li', {},
    ...cells.slice(0, MOST_TWINS / 2).flatMap((cell, place) => [place ? make('span', { class: 'quiet' }, ' = ') : '', make('bdi', {}, title(cell))]),
    cells.length > MOST_TWINS / 2 ? ` and ${counted(cells.length - MOST_TWINS / 2)} more` : ''));
  if (twins.length > MOST_TWINS) items.push(make('li', { class: 'quiet' }, `and ${counted(twins.length - MOST_TWINS)} more groups`));
  const cells = twins.reduce((sum, group) => sum + group.length, 0);
  return [make('details', { class: 'twins' },
    make('summary', {}, `${counted(cells)} cells are identical to another, byte for byte, though they ask for different things`),
    make('ul', {}, ...items))];
}

// -- the table of points

function drawPlots(book, { column, axis, across }) {
  const place = book.axes.indexOf(axis);
  const [, , points] = book.findings.spreads.find(([at, of]) => at === place && of === column.place) ?? [0, 0, []];
  const crossed = across ? crossing(book, column, axis, across) : [];
  part('numbers-plots').replaceChildren(
    ...(points.length ? tablePages(points, (shown) => spreadTable(axis, column, shown, points)) : []), ...crossed);
}

function spreadTable(axis, column, shown, points) {
  const lies = span(points.flatMap((point) => point.slice(2, 7)));
  const moves = span([0, ...points.flatMap((point) => point.slice(8, 11).filter((value) => typeof value === 'number'))]);
  const head = make('tr', {},
    make('th', { scope: 'col', class: 'value' }, axis.title),
    make('th', { scope: 'col', class: 'number' }, 'pictures (n)'),
    plotHead(`${column.title}${withUnit(column)}: least, quartiles, most`, lies),
    make('th', { scope: 'col', class: 'number' }, 'pairs (n)'),
    plotHead('Difference in pairs that agree in all else, with its 95 % interval', moves),
  );
  const rows = shown.map((point) => spreadRow(axis, column, point, lies, moves));
  return make('table', { class: 'shares spreads' }, make('thead', {}, head), make('tbody', {}, ...rows));
}

function spreadRow(axis, column, [digit, n, ...numbers], lies, moves) {
  const [least, low, middle, high, most, pairs, difference, from, to] = numbers;
  const say = (value) => numberText(column, value);
  const box = plot(`n = ${n}: ${say(least)} to ${say(most)}, half within ${say(low)} to ${say(high)}, median ${say(middle)}`, lies.ticks,
    draw('line', { x1: lies.at(least), x2: lies.at(most), y1: '50%', y2: '50%', class: 'time-range' }),
    draw('rect', { x: lies.at(low), width: lies.length(low, high), y: '50%', height: 12, transform: 'translate(0 -6)', class: 'spread-box' }),
    draw('line', { x1: lies.at(middle), x2: lies.at(middle), y1: 7, y2: 23, class: 'spread-middle' }));
  const effect = pairs === undefined ? plot('what the others are held against', moves.ticks, zeroLine(moves))
    : effectPlot(column, pairs, [difference, from, to], moves);
  return make('tr', {}, valueHead(axis.labels[digit]), make('td', { class: 'number' }, counted(n)), make('td', { class: 'plot' }, box),
    make('td', { class: 'number' }, pairs === undefined ? '' : counted(pairs)), make('td', { class: 'plot' }, effect));
}

function effectPlot(column, pairs, [difference, from, to], scale) {
  const say = (value) => `${value > 0 ? '+' : ''}${numberText(column, value)}`;
  const sure = from !== null;
  const words = `${say(difference)}, ${sure ? `interval ${say(from)} to ${say(to)}` : 'no interval of so few'}, n = ${pairs} pairs`;
  const moved = sure && (from > 0 || to < 0) ? ' moved' : '';
  const marks = sure ? [draw('line', { x1: scale.at(from), x2: scale.at(to), y1: '50%', y2: '50%', class: `effect-range${moved}` })] : [];
  return plot(words, scale.ticks, zeroLine(scale), ...marks,
    draw('circle', { cx: scale.at(difference), cy: '50%', r: 4, class: sure ? `effect-middle${moved}` : 'effect-middle unsure' }));
}

function zeroLine({ at }) {
  return draw('line', { x1: at(0), x2: at(0), y1: '0%', y2: '100%', class: 'zero-line' });
}

/** A scale around some numbers, from a round one to a round one. */
function span(numbers) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const rough = (most - least || Math.abs(most) || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
  const first = Math.floor(least / step + 1e-9);
  const count = Math.max(1, Math.ceil(most / step - 1e-9) - first);
  const ticks = Array.from({ length: count + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
  const share = (value) => (100 * (value - ticks[0])) / (count * step);
  return { ticks, share, at: (value) => `${share(value).toFixed(2)}%`, length: (a, b) => `${Math.max(0.2, share(b) - share(a)).toFixed(2)}%` };
}
