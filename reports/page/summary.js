// ---- summary: how the cells of each point stand and how long they took, one axis at a time

const TABLE_ROWS = 16; // on a page

let summaryWatcher = null;

/** Builds the summary when the reader comes near it, in place of an earlier one. */
function createSummary(book, scroller) {
  summaryWatcher?.disconnect();
  const section = part('summary');
  const groups = sharesByAxis(book);
  section.hidden = !groups.size;
  if (!groups.size) return;
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    part('summary-axes').replaceChildren(...axisTabs(groups, (name) => showShares(groups.get(name))));
    showShares(groups.values().next().value);
  }, { root: scroller, rootMargin: '200px' });
  watcher.observe(section);
  summaryWatcher = watcher;
}

/** Shares with their axis, by the axis's name; axes with one point say nothing by comparison and come last. */
function sharesByAxis(book) {
  const groups = new Map();
  const axes = [...book.axes].sort((a, b) => (a.labels.length < 3) - (b.labels.length < 3));
  for (const axis of axes) {
    const shares = book.shares.filter((share) => share.axis === axis.name);
    if (shares.length) groups.set(axis.name, { axis, shares });
  }
  return groups;
}

function axisTabs(groups, choose) {
  if (groups.size < 2) return [];
  const tabs = [...groups].map(([name, { axis }], place) => {
    const input = make('input', { type: 'radio', name: 'summary-axis', checked: place === 0 });
    input.addEventListener('change', () => choose(name));
    return make('label', { class: 'tab' }, input, make('span', {}, axis.title));
  });
  return [make('fieldset', { class: 'tabs' }, make('legend', {}, 'by'), ...tabs)];
}

function showShares({ axis, shares }) {
  part('summary-table').replaceChildren(...tablePages(shares, (shown) => sharesTable(axis, shown, shares)));
}

/** A table of many rows, a page at a time. */
function tablePages(rows, table) {
  const frame = make('div', { class: 'table-frame', tabindex: 0 });
  const said = make('span', { role: 'status' });
  let from = 0;
  const button = (words, sign, by) => {
    const element = make('button', { type: 'button', class: 'plain', 'aria-label': words }, sign);
    element.addEventListener('click', () => turn(from + by));
    return element;
  };
  const [back, on] = [button('earlier rows', '‹', -TABLE_ROWS), button('later rows', '›', TABLE_ROWS)];
  const turn = (to) => {
    from = to;
    const shown = rows.slice(from, from + TABLE_ROWS);
    frame.replaceChildren(table(shown));
    said.textContent = `${counted(from + 1)} to ${counted(from + shown.length)} of ${counted(rows.length)}`;
    back.disabled = from === 0;
    on.disabled = from + TABLE_ROWS >= rows.length;
  };
  turn(0);
  return rows.length > TABLE_ROWS ? [frame, make('div', { class: 'pages' }, back, said, on)] : [frame];
}

function sharesTable(axis, shown, all) {
  const cells = scaleTo(Math.max(...all.map((share) => share.count)), true);
  const slowest = Math.max(0, ...all.map((share) => share.p95 ?? share.p50 ?? 0));
  const time = slowest > 0 ? scaleTo(slowest, false) : null;
  const states = STATES.filter((state) => state === 'made' || all.some((share) => share[state]));
  return make('table', { class: 'shares' },
    make('thead', {}, sharesHead(axis, states, cells, time)),
    make('tbody', {}, ...shown.map((share) => sharesRow(share, states, cells, time))));
}

function sharesHead(axis, states, cells, time) {
  const heads = states.map((state) =>
    make('th', { scope: 'col', class: `number state-${state}` }, icon(state), ` ${state}`));
  const row = make('tr', {},
    make('th', { scope: 'col', class: 'value' }, axis.title),
    make('th', { scope: 'col', class: 'number' }, 'cells (n)'),
    ...heads,
    plotHead('Outcomes, in cells', cells),
  );
  if (time) {
    row.append(
      make('th', { scope: 'col', class: 'number' }, 'p50'),
      make('th', { scope: 'col', class: 'number' }, 'p95'),
      plotHead('Time of a request in seconds, p50 to p95', time),
    );
  }
  return row;
}

function plotHead(title, scale) {
  return make('th', { scope: 'col', class: 'plot' }, make('span', { class: 'plot-title' }, title), scaleAxis(scale));
}

function sharesRow(share, states, cells, time) {
  const row = make('tr', {},
    valueHead(share.label),
    numberCell('cells', counted(share.count)),
    ...states.map((state) => numberCell(state, counted(share[state]), share[state] ? '' : ' none')),
    make('td', { class: 'plot' }, stackedBar(share, states, cells)));
  if (time) {
    const said = (name) => numberCell(name, share[name] === null ? '' : seconds(share[name]));
    row.append(said('p50'), said('p95'), make('td', { class: 'plot' }, timeRange(share, time)));
  }
  return row;
}

/** A number, which on a phone stands beside its name instead of below its column's. */
function numberCell(name, text, more = '') {
  return make('td', { class: `number${more}`, 'data-name': name }, text);
}

/** A short label stays on one line; a long one breaks where it can. */
function valueHead(label) {
  const short = label.length <= 36 && !BLANK.test(label);
  const text = short ? make('bdi', {}, label) : labelText(label);
  return make('th', { scope: 'row', class: short ? 'value' : 'value long', title: visible(label) }, text);
}

// -- plots

/**
 * A scale from 0 to a round number at or above `most`.
 * @returns {{ticks: number[], at: (value: number) => string}} `at` gives a place in percent of the plot's width
 */
function scaleTo(most, whole) {
  const rough = Math.max(most, whole ? 1 : 1e-3) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const fitting = [1, 2, 2.5, 3, 5, 10].map((step) => step * power).find((step) => step >= rough * 0.999);
  const step = whole ? Math.max(1, Math.ceil(fitting)) : fitting;
  const count = Math.ceil(most / step - 1e-9) || 1;
  const ticks = Array.from({ length: count + 1 }, (_, place) => place * step);
  return { ticks, at: (value) => `${((100 * value) / (count * step)).toFixed(2)}%` };
}

const tickText = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** The scale as numbers along a line. */
function scaleAxis({ ticks, at }) {
  const marks = ticks.flatMap((tick, place) => {
    const anchor = place === 0 ? 'start' : place === ticks.length - 1 ? 'end' : 'middle';
    return [
      draw('text', { x: at(tick), y: 11, 'text-anchor': anchor }, tickText.format(tick)),
      draw('line', { x1: at(tick), x2: at(tick), y1: 15, y2: 20, class: 'tick' }),
    ];
  });
  return draw('svg', { class: 'scale', role: 'presentation' }, ...marks);
}

function plot(title, ticks, ...marks) {
  const picture = draw('svg', { class: 'mark', role: 'img', 'aria-label': title }, draw('title', {}, title), ...marks);
  picture.style.setProperty('--spans', ticks.length - 1); // the scale's lines are its background
  return picture;
}

function stackedBar(share, states, { ticks, at }) {
  let before = 0;
  const bars = states.filter((state) => share[state]).map((state) => {
    const span = { x: at(before), width: at(share[state]), y: '50%', height: 16, transform: 'translate(0 -8)' };
    const bar = draw('rect', { ...span, class: `fill-${state}` });
    before += share[state];
    return bar;
  });
  const words = states.filter((state) => share[state]).map((state) => `${share[state]} ${state}`);
  return plot(`n = ${share.count}: ${words.join(', ')}`, ticks, ...bars);
}

function timeRange({ made, p50, p95 }, { ticks, at }) {
  if (p50 === null) return plot('no time known', ticks);
  const end = p95 ?? p50;
  return plot(`p50 ${seconds(p50)}, p95 ${seconds(end)}, n = ${made}`, ticks,
    draw('line', { x1: at(p50), x2: at(end), y1: '50%', y2: '50%', class: 'time-range' }),
    draw('rect', { x: at(end), y: '50%', width: 2, height: 10, transform: 'translate(-1 -5)', class: 'time-end' }),
    draw('circle', { cx: at(p50), cy: '50%', r: 4, class: 'time-middle' }));
}
