// ---- label: the words along the grid, and how much room they need

const SPACES = { gap: 8, groupGap: 28, band: 0 };
const LEAST_BAND = 38;
const LEAST_GROUP = 26;

/** A point's label as nodes: empty ones say so, companions in lockstep stand below in small. */
function labelNodes(book, axis, digit) {
  const nodes = [differingText(book.axes[axis], digit)];
  if (digit && digit === baselineDigit(book, axis)) {
    nodes.push(make('span', { class: 'baseline' }, 'baseline'));
  }
  for (const [other, otherDigit] of accompany(book, axis, digit)) {
    nodes.push(make('span', { class: 'companion' }, ...breakable(visible(book.axes[other].labels[otherDigit]))));
  }
  return nodes;
}

function labelText(text) {
  if (BLANK.test(text)) return make('span', { class: 'label-text blank' }, visible(text));
  return make('span', { class: 'label-text' }, ...breakable(text));
}

/** The points of at most two companions of an axis at one of its points. */
function accompany(book, axis, digit) {
  const others = companions(book, axis).slice(0, 2);
  if (!others.length) return [];
  const tile = book.axes[axis].digits.indexOf(digit);
  return others.map((other) => [other, book.axes[other].digits[tile]]);
}

/** The full words of a label, for a tooltip. */
function labelTitle(book, axis, digit) {
  const { title, labels, descriptions } = book.axes[axis];
  const words = `${title}: ${visible(labels[digit])}`;
  return descriptions[digit] ? `${words}\n${descriptions[digit]}` : words;
}

/**
 * Sizes that blocks of nodes take in the page's own type.
 * @param {Node[][]} blocks
 * @param {string} className decides the type, and how lines may break
 * @param {number} width CSS pixels that lines break at; 0 lets them run on
 * @returns {{width: number, height: number}[]}
 */
function measure(blocks, className, width) {
  const host = part('measure');
  const boxes = blocks.map((nodes) => make('div', { class: className }, ...nodes));
  host.replaceChildren(...boxes);
  for (const box of boxes) box.style.width = width ? `${width}px` : 'max-content';
  const sizes = boxes.map((box) => ({ width: box.offsetWidth, height: box.offsetHeight }));
  host.replaceChildren();
  return sizes;
}

/** Sizes by digit of the labels that some lane shows. */
function measureDigits(book, axis, lanes, side, className, width) {
  if (axis === NOWHERE) return new Map();
  const digits = [...new Set(lanes.map((lane) => lane[side]))];
  const known = knownSizes(`${axis} ${className} ${width}`);
  const fresh = digits.filter((digit) => !known.has(digit));
  const sizes = fresh.length ? measure(fresh.map((digit) => labelNodes(book, axis, digit)), className, width) : [];
  fresh.forEach((digit, place) => known.set(digit, sizes[place]));
  return new Map(digits.map((digit) => [digit, known.get(digit)]));
}

const measured = new Map(); // a page has one book, whose words stay

/** Sizes by digit of what was measured before; phones have type of their own. */
function knownSizes(what) {
  const key = `${what} ${innerWidth < 640}`;
  if (!measured.has(key)) measured.set(key, new Map());
  return measured.get(key);
}

function largest(sizes, side) {
  return Math.max(0, ...[...sizes.values()].map((size) => size[side]));
}

/**
 * Where everything on the grid lies.
 * @typedef {object} Scene
 * @property {View} view
 * @property {Arrangement} arrangement
 * @property {number} zoom longer side of a picture in CSS pixels
 * @property {number} least the smallest that it can be in this window
 * @property {boolean} small whether each cell is one element and tells little
 * @property {number} stub width of the row labels
 * @property {boolean} upright whether column labels stand upright because the columns are narrow
 * @property {number[]} headHeights of the axis names, the groups' labels and the columns' labels
 * @property {object} columns starts, extents and total, see layOut; from the left edge of the first picture
 * @property {object} rows starts, extents and total; from the lower edge of the head
 */

/** Measures labels and lays out lanes for a window of `room` pixels. @returns {Scene} */
function stage(book, view, arrangement, room) {
  const margin = marginOf(room.width);
  const stub = stubWidth(book, view, arrangement, room.width) + margin;
  const band = bandHeight(book, view, arrangement, room.width);
  const labels = measureDigits(book, view.y, arrangement.rows, 'inner', 'row-label', stub - margin);
  const piles = new Map(MOSAIC_MOST.map((most) => [most, pileHeights(book, arrangement, most)]));
  const lay = (zoom) => layLanes(view, arrangement, zoom, { labels, band, piles: piles.get(mosaicMost(zoom)) });
  const wanted = view.zoom || fittingZoom(arrangement.columns, room.width - stub - margin, room.height);
  const size = affordable(book, view, arrangement, room, lay, wanted);
  const { columns, rows } = lay(size.zoom);
  return { view, arrangement, ...size, margin, stub, band, columns, rows, ...headSizes(book, view, arrangement, columns) };
}

/** Columns and rows at a size; a row is as high as its label and its highest cell. */
function layLanes(view, arrangement, zoom, { labels, band, piles }) {
  const spaces = { ...SPACES, gap: zoom < 72 ? 3 : SPACES.gap };
  const extent = (lane) => Math.round(zoom * lane.share);
  const below = isList(view) ? LIST_CAPTION : 0;
  const rowExtent = (lane, row) => Math.max(Math.round(zoom * lane.share * (piles[row] || 1)) + below, labels.get(lane.inner)?.height ?? 0);
  return {
    columns: layOut(arrangement.columns, extent, spaces),
    rows: layOut(arrangement.rows, rowExtent, { ...spaces, groupGap: 22, band }),
  };
}

/** Room for the headings of groups of rows: their words wrap at the window's edge. */
function bandHeight(book, view, { rows }, width) {
  if (view.rows === NOWHERE) return 0;
  const digits = [...new Set(rows.map(({ outer }) => outer))];
  const sizes = measure(digits.map((digit) => bandNodes(book, view.rows, digit)), 'band-text', width);
  return Math.max(LEAST_BAND, ...sizes.map(({ height }) => height + 11));
}

/** Room for the row labels: as wide as the widest wants, within a quarter of a small window. */
function stubWidth(book, view, { rows }, width) {
  if (view.y === NOWHERE) return 0;
  const sizes = measureDigits(book, view.y, rows, 'inner', 'row-label', 0);
  const known = knownSizes('axis-name');
  if (!known.has(view.y)) known.set(view.y, measure([[...breakable(book.axes[view.y].title), '\u00a0↓']], 'axis-name', 0)[0]);
  const name = known.get(view.y);
  const most = clamp(0.24 * width, 76, 180);
  return Math.ceil(clamp(Math.max(largest(sizes, 'width'), name.width + 8), 32, most));
}

function headSizes(book, view, { columns: lanes }, columns) {
  const narrowest = Math.min(...columns.extents);
  const natural = largest(measureDigits(book, view.x, lanes, 'inner', 'column-label', 0), 'width');
  const upright = narrowest < 64 && natural > narrowest;
  const className = upright ? 'column-label upright' : 'column-label';
  const inner = measureDigits(book, view.x, lanes, 'inner', className, upright ? 0 : narrowest);
  const names = view.x === NOWHERE ? 0 : 20;
  return { upright, headHeights: [names, groupHeight(book, view, lanes, columns), largest(inner, 'height')] };
}

/** Room for the labels of groups of columns, in the narrowest of them. */
function groupHeight(book, view, lanes, columns) {
  if (view.columns === NOWHERE) return 0;
  const width = Math.min(...columns.groups.slice(0, -1).map((start) => groupExtent(columns, start)));
  return Math.max(LEAST_GROUP, largest(measureDigits(book, view.columns, lanes, 'outer', 'group-text', width), 'height') + 4);
}
