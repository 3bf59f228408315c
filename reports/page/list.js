// ---- list: all cells one after the other, in the order of a number

const LIST_CAPTION = 36; // pixels
const LIST_ZOOM = 168; // pixels, where the reader chose no size

/** Whether all cells stand in one list: sorted so, and no axis has a place. */
function isList(view) {
  return view.sort?.of === 'list' && !placedAxes(view).length;
}

/** All cells one after the other, line by line. */
function arrangeList(book, view, width) {
  const column = numericColumns(book).get(view.sort.by);
  const values = column ? valuesOf(book, column) : null;
  const tiles = selection(book, view).filter((tile) => passes(book, view, tile));
  if (values) tiles.sort((a, b) => byNumber(values[a], values[b], view.sort.falling));
  const across = clamp(listAcross(view, width), 1, Math.max(1, tiles.length));
  const lane = (key) => ({ key, outer: 0, inner: 0, share: 1 });
  return {
    columns: Array.from({ length: tiles.length ? across : 0 }, (_, place) => lane(place)),
    rows: Array.from({ length: Math.ceil(tiles.length / across) }, (_, place) => lane(place)),
    cells: new Map(tiles.map((tile, place) => [place, [tile]])),
    matches: tiles.length,
  };
}

/** How many cells fit a line: of the size that the reader chose, else as many as bring them close to the usual one. */
function listAcross(view, width) {
  const wanted = (width - 2 * marginOf(width) + SPACES.gap) / ((view.zoom || LIST_ZOOM) + SPACES.gap);
  return view.zoom ? Math.floor(wanted) : Math.round(wanted);
}

/** What a cell of a list is, below it: a list has no labels along its sides. */
function captionOf(book, tile, small) {
  const axes = book.axes.filter(({ digits, labels }) => digits[tile] && labels.length > 2);
  const words = axes.map(({ labels, digits }) => visible(labels[digits[tile]])).join(' · ');
  return make('span', { class: 'caption', title: book.title(tile) }, ...(small ? [words] : breakable(words)));
}
