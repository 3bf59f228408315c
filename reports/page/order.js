// ---- order: points of an axis, or all cells in one list, sorted by a number

const SORTED = ['columns', 'rows', 'list'];
const LIST_CAPTION = 36; // pixels
const LIST_ZOOM = 168; // pixels, where the reader chose no size

/** Whether all cells stand in one list: sorted so, and no axis has a place. */
function isList(view) {
  return view.sort?.of === 'list' && !placedAxes(view).length;
}

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

/** All cells one after the other, line by line. */
function arrangeList(book, view) {
  const column = numericColumns(book).get(view.sort.by);
  const values = column ? valuesOf(book, column) : null;
  const tiles = selection(book, view).filter((tile) => passes(book, view, tile));
  if (values) tiles.sort((a, b) => byNumber(values[a], values[b], view.sort.falling));
  const across = clamp(Math.floor((part('page').clientWidth - 56) / ((view.zoom || LIST_ZOOM) + 8)), 1, Math.max(1, tiles.length));
  const lane = (key) => ({ key, outer: 0, inner: 0, share: 1 });
  return {
    columns: Array.from({ length: tiles.length ? across : 0 }, (_, place) => lane(place)),
    rows: Array.from({ length: Math.ceil(tiles.length / across) }, (_, place) => lane(place)),
    cells: new Map(tiles.map((tile, place) => [place, [tile]])),
    matches: tiles.length,
  };
}

/** What a cell of a list is, below it: a list has no labels along its sides. */
function captionOf(book, tile, small) {
  const axes = book.axes.filter(({ digits, labels }) => digits[tile] && labels.length > 2);
  const words = axes.map(({ labels, digits }) => labels[digits[tile]]).join(' · ');
  return make('span', { class: 'caption', title: book.title(tile) }, ...(small ? [words] : breakable(words)));
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
