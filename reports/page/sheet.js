// ---- sheet: the view as pages of a contact sheet: what stands where, in pixels; nothing is drawn here
//
// Looks as that of runner/album/sheet.py does. A page holds what every browser's canvas holds; rows and columns are never
// torn, and the labels stand on each page.

const SHEET = { pixels: 16_000_000, side: 8_000, pages: 200, margin: 24, gap: 8, groupGap: 24, label: 14, title: 20, least: 60, most: 200 };
const SHEET_SIZES = [64, 128, 256, 512]; // pixels of a picture's longer side
const LABEL_LINES = 4;
const TITLE_LINES = 2;
const MOST_ACROSS = 3; // pictures beside each other in one cell
const CAPTION = { letters: 12, lines: 4, read: 400 }; // size, most lines, and captions that are read for how many they take

/**
 * What all pages share.
 * @typedef {object} Sheet
 * @property {string} title
 * @property {string[]} said lines under the title: what is held, what is left out
 * @property {number} stub width of the rows' labels
 * @property {number} head height of what stands above the pictures
 * @property {number} wrapped lines of the columns' labels
 * @property {number} below room under each picture, for a caption in the letters `caption`
 * @property {Column|null} paint what colours the cells
 *
 * @typedef {object} Block some columns or rows: their places among all, where each begins, how far it reaches
 * @property {Lane[]} lanes
 * @property {number[]} places
 * @property {number[]} starts
 * @property {number[]} extents
 * @property {number} total
 */

/**
 * The pages of a scene.
 * @returns {{sheet: Sheet, pages: {across: Block, down: Block, width: number, height: number}[]}}
 */
function paginate(book, { view, arrangement }, size) {
  const sheet = sheetOf(book, view, arrangement, size);
  const { margin } = SHEET;
  const extent = (lane, high = 1) => Math.max(1, Math.round(size * lane.share * high));
  const piles = pileHeights(book, arrangement, MOST_ACROSS, (_, tiles) => pictureSum(book, view, tiles));
  const widest = Math.min(SHEET.side - 2 * margin - sheet.stub, Math.max(size, Math.floor(SHEET.pixels / (4 * size)) - sheet.stub));
  const across = inBlocks(arrangement.columns, (lane) => extent(lane), widest, 0);
  const width = ({ total }) => Math.max(total + sheet.stub, 320) + 2 * margin;
  const tallest = Math.min(SHEET.side, Math.floor(SHEET.pixels / Math.max(...across.map(width)))) - 2 * margin - sheet.head;
  const band = view.rows === NOWHERE ? 0 : sheet.small.leading + SHEET.gap;
  const down = inBlocks(arrangement.rows, (lane, row) => extent(lane, piles[row] || 1) + sheet.below, Math.max(size + sheet.below, tallest), band);
  const pages = down.flatMap((rows) => across.map((columns) => (
    { across: columns, down: rows, width: width(columns), height: rows.total + sheet.head + 2 * margin })));
  return { sheet, pages };
}

/** How many pictures the filter lets through in a cell. */
function pictureSum(book, view, tiles) {
  return tiles.reduce((sum, tile) => sum + (passes(book, view, tile) ? book.pictureCount(tile) : 0), 0);
}

function sheetOf(book, view, arrangement, size) {
  const [small, large, caption] = [SHEET.label, SHEET.title, CAPTION.letters].map((size) => letters(size));
  const column = numericColumns(book).get(view.paint) ?? null;
  const said = [heldWords(book, view), filterWords(view)].filter(Boolean);
  const stub = sheetStub(book, view, arrangement, small);
  const wrapped = wrappedLines(book, view, arrangement, small, size);
  const lines = said.length + Number(column !== null) + Number(view.x !== NOWHERE) + Number(view.columns !== NOWHERE) + wrapped;
  return {
    title: book.heading,
    said,
    small,
    large,
    stub,
    wrapped,
    paint: column,
    size,
    head: TITLE_LINES * large.leading + lines * small.leading + 2 * SHEET.gap,
    caption,
    below: isList(view) ? captionRoom(book, arrangement, caption, size) : 0,
  };
}

/** A point's label, and those of the axes in lockstep. */
function sheetLabel(book, axis, digit) {
  const others = accompany(book, axis, digit).map(([other, at]) => book.axes[other].labels[at]);
  return [book.axes[axis].labels[digit], ...others].map(visible).join(' · ');
}

function heldWords(book, view) {
  return fixedAxes(book, view)
    .map((axis) => `${book.axes[axis].title} ${sheetLabel(book, axis, view.held[axis])}`)
    .join(', ');
}

function filterWords({ only, show, sort, versus }) {
  const states = [...show].map((state) => STATES[state]).join(' or ');
  const order = sort ? `${sort.of === 'list' ? '' : `${sort.of} `}by ${sort.by}, ${sort.falling ? 'most' : 'least'} first` : '';
  return [only && `only ${only}`, states && `only ${states}`, order, versus && 'difference to the baseline'].filter(Boolean).join('; ');
}

function sheetStub(book, view, { rows }, type) {
  if (view.y === NOWHERE) return 0;
  const words = new Set([...rows.map(({ inner }) => sheetLabel(book, view.y, inner)), book.axes[view.y].title]);
  const widest = Math.max(...[...words].map((word) => type.width(drawable(word))));
  return clamp(Math.round(widest) + 12, SHEET.least, SHEET.most);
}

/** Room for what the cells of a list are called, below them. */
function captionRoom(book, { cells }, type, size) {
  const words = [...cells.values()].slice(0, CAPTION.read).map(([tile]) => captionOf(book, tile).textContent);
  return 4 + type.leading * Math.max(0, ...words.map((text) => brokenLines(text, type, size, CAPTION.lines).length));
}

/** How many lines the columns' labels take at most. */
function wrappedLines(book, view, { columns }, type, size) {
  if (view.x === NOWHERE) return 0;
  const found = new Map(columns.map(({ inner, share }) => [`${inner} ${share}`, [inner, Math.round(size * share)]]));
  return Math.max(0, ...[...found.values()].map(([inner, extent]) => columnLabel(book, view, inner, extent, type).length));
}

function columnLabel(book, view, inner, extent, type) {
  return brokenLines(sheetLabel(book, view.x, inner), type, extent, extent >= 3 * SHEET.label ? LABEL_LINES : 1);
}

/** Lanes in blocks of at most so many pixels; before each group of a block is room for its label. @returns {Block[]} */
function inBlocks(lanes, extentOf, most, band) {
  const blocks = [];
  let block = null;
  lanes.forEach((lane, place) => {
    const extent = extentOf(lane, place);
    let at = block ? nextStart(block, lane, band) : band;
    if (!block || at + extent > most) {
      block = { lanes: [], places: [], starts: [], extents: [], total: 0 };
      blocks.push(block);
      at = band;
    }
    block.lanes.push(lane);
    block.places.push(place);
    block.starts.push(at);
    block.extents.push(extent);
    block.total = at + extent;
  });
  return blocks;
}

function nextStart({ lanes, total }, lane, band) {
  return lanes.at(-1).outer === lane.outer ? total + SHEET.gap : total + SHEET.groupGap + band;
}
