// ---- order: points of an axis, or all cells, sorted by a number; and how the address spells what is told of numbers

const SORTED = ['columns', 'rows', 'list'];

/** Lanes of one side in the order of the mean of a number over their tiles, within their groups; unknown ones come last. */
function orderLanes(book, view, side, lanes, keyOf, tiles) {
  const column = view.sort?.of === side ? numericColumns(book).get(view.sort.by) : null;
  if (!column) return lanes;
  const values = valuesOf(book, column);
  const sums = new Map(lanes.map((lane) => [lane.key, { sum: 0, n: 0 }]));
  for (const tile of tiles) {
    const found = sums.get(keyOf(tile));
    if (!found || Number.isNaN(values[tile]) || !passes(book, view, tile)) continue;
    found.sum += values[tile];
    found.n += 1;
  }
  const mean = ({ key }) => sums.get(key).sum / sums.get(key).n;
  const groups = new Map([...new Set(lanes.map(({ outer }) => outer))].map((outer, place) => [outer, place]));
  return [...lanes].sort((a, b) => groups.get(a.outer) - groups.get(b.outer) || byNumber(mean(a), mean(b), view.sort.falling));
}

function byNumber(a, b, falling) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return falling ? b - a : a - b;
}

/** The view sorted anew; a list takes all axes off the grid and shows every point, leaving it brings the first view back. */
function sortView(book, view, sort) {
  const next = { ...view, sort };
  if (sort?.of === 'list') {
    const nowhere = Object.fromEntries(ROLES.map((role) => [role, NOWHERE]));
    return isList(view) ? next : { ...next, ...nowhere, held: book.axes.map(() => ALL) };
  }
  if (!isList(view)) return next;
  const { x, y, columns, rows, held } = initialView(book);
  return holdShown(book, { ...next, x, y, columns, rows, held });
}

// -- spelling in the address, by name

const NO_NUMBERS = { paint: '', only: '', sort: null, plot: '', by: '', across: '' };

function spellNumbers(view, words) {
  if (view.paint) words.set('colour', view.paint);
  if (view.only) words.set('only', view.only);
  if (view.sort) {
    words.set('sort', view.sort.of);
    words.set('sort-by', view.sort.by);
    if (view.sort.falling) words.set('falling', 'yes');
  }
  for (const name of ['plot', 'by', 'across']) if (view[name]) words.set(`plot.${name}`, view[name]);
}

function readNumbers(book, words) {
  const known = numericColumns(book);
  const named = (name) => (known.has(words.get(name)) ? words.get(name) : '');
  const axis = (name) => (book.axes.some((one) => one.name === words.get(name)) ? words.get(name) : '');
  const sorted = SORTED.includes(words.get('sort')) && named('sort-by');
  return {
    paint: named('colour'),
    only: words.get('only') ?? '',
    sort: sorted ? { of: words.get('sort'), by: sorted, falling: words.get('falling') === 'yes' } : null,
    plot: named('plot.plot'),
    by: axis('plot.by'),
    across: axis('plot.across'),
  };
}
