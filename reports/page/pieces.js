// ---- pieces: the grid's own elements: axis names, labels, groups, rows and cells

const UPRIGHT_LINE = 14; // pixels, as the style has it

/** The parts of the head that do not depend on where the reader is: the corner and the axes' names. */
function fixedHeads(book, { view, headHeights: [names] }) {
  const corner = make('div', { class: 'corner', role: 'columnheader' });
  if (view.y !== NOWHERE) corner.append(axisName(book, view.y, '↓'));
  const line = make('div', { class: 'axis-line', role: 'presentation' });
  line.style.height = `${names}px`;
  const over = [view.columns, view.x].filter((axis) => axis !== NOWHERE);
  over.forEach((axis, place) => {
    if (place) line.append(make('span', { class: 'axis-join' }, '/'));
    line.append(axisName(book, axis, place === over.length - 1 ? '→' : ''));
  });
  return [corner, line];
}

/** An axis's name, which opens its menu; on the keyboard the controls above the grid do. */
function axisName(book, axis, arrow) {
  const { title, description } = book.axes[axis];
  const name = make('button', { type: 'button', class: 'axis-name', tabindex: -1, 'data-values': axis, title: description || title }, ...breakable(title));
  if (arrow) name.append(make('span', { class: 'arrow', 'aria-hidden': 'true' }, `\u00a0${arrow}`));
  return name;
}

function syncHeads(book, scene, heads, shown, near) {
  const { view, arrangement, columns, stub, headHeights, upright } = scene;
  const [names, groups, labels] = headHeights;
  if (view.columns !== NOWHERE) {
    sync(shown.columnGroups, new Set(near.columnGroups), (start) => {
      const { outer } = arrangement.columns[start];
      const text = make('span', { class: 'group-text' }, ...labelNodes(book, view.columns, outer));
      const box = make('div', { class: 'column-group', title: labelTitle(book, view.columns, outer) }, text);
      const width = groupExtent(columns, start);
      Object.assign(box.style, pixels({ left: stub + columns.starts[start], top: names, width, height: groups }));
      return heads.appendChild(box);
    });
  }
  if (view.x === NOWHERE) return;
  sync(shown.heads, new Set(near.columns), (column) => {
    const { inner } = arrangement.columns[column];
    const label = make('div', {
      class: upright ? 'column-label upright' : 'column-label',
      role: 'columnheader',
      'aria-colindex': column + 2,
      title: labelTitle(book, view.x, inner),
    }, ...labelNodes(book, view.x, inner));
    const box = make('div', { class: 'column-head', role: 'presentation' }, label);
    const [left, width] = [stub + columns.starts[column], columns.extents[column]];
    if (upright) label.style.maxWidth = `${Math.max(1, Math.floor(width / UPRIGHT_LINE)) * UPRIGHT_LINE}px`; // whole lines
    Object.assign(box.style, pixels({ left, top: names + groups, width, height: labels }));
    return heads.appendChild(box);
  });
}

function pixels(lengths) {
  return Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, `${length}px`]));
}

function syncGroups(book, scene, body, shown, near) {
  const { view, arrangement, rows, band } = scene;
  const wanted = new Set(near.groups);
  sync(shown.groups, wanted, (start) => {
    const group = make('div', { class: 'group', role: 'rowgroup' });
    Object.assign(group.style, pixels({ top: rows.starts[start] - band, height: groupExtent(rows, start) + band }));
    if (view.rows !== NOWHERE) group.append(makeBand(book, view.rows, arrangement.rows[start].outer));
    return body.appendChild(group);
  });
  for (const [row, element] of shown.rows) if (!element.isConnected) shown.rows.delete(row);
}

/** The heading of a group of rows. */
function makeBand(book, axis, digit) {
  const text = make('span', { class: 'band-text', role: 'rowheader', title: labelTitle(book, axis, digit) }, ...bandNodes(book, axis, digit));
  return make('div', { class: 'band', role: 'row' }, text);
}

function bandNodes(book, axis, digit) {
  return [axisName(book, axis, ''), make('span', { class: 'band-label' }, ...labelNodes(book, axis, digit))];
}

function makeRow(book, { view, arrangement, rows, band, columns, stub }, row) {
  const { inner } = arrangement.rows[row];
  const element = make('div', { class: 'row', role: 'row', 'aria-rowindex': row + 2 });
  const groupTop = rows.starts[groupOf(rows, row)] - band;
  Object.assign(element.style, pixels({ top: rows.starts[row] - groupTop, height: rows.extents[row] }));
  element.style.width = `${stub + columns.total}px`;
  if (view.y === NOWHERE) return element;
  const label = make('div', { class: 'row-label' }, ...labelNodes(book, view.y, inner));
  element.append(make('div', { class: 'row-head', role: 'rowheader', title: labelTitle(book, view.y, inner) }, label));
  return element;
}

function makeCell(book, scene, row, column, ratings) {
  const { view, arrangement, rows, columns, stub, zoom, small } = scene;
  const tiles = tilesAt(arrangement, row, column);
  const [width, height] = [columns.extents[column], rows.extents[row]];
  const element = make('div', {
    class: 'cell',
    role: 'gridcell',
    tabindex: -1,
    'aria-colindex': column + 2,
    'data-row': row,
    'data-column': column,
  });
  Object.assign(element.style, pixels({ left: stub + columns.starts[column], width }));
  if (tiles.length && !tiles.some((tile) => passes(book, view, tile))) element.classList.add('faded');
  const below = isList(view) && tiles.length > 0;
  const room = { zoom, width, height: height - (below ? LIST_CAPTION : 0), versus: view.versus };
  const figure = paintCell(book, view, element, tiles);
  const marks = [...marksOf(book, view, tiles), judgedMark(ratings, tiles, book)].filter(Boolean);
  if (small) fillSmall(book, element, tiles, room, figure, marks);
  else {
    fillCell(book, element, tiles, { ...room, height });
    element.append(...(figure ? [figureMark(figure)] : []), ...marks);
  }
  if (below) {
    element.classList.add('listed');
    element.append(captionOf(book, tiles[0], small));
  }
  return element;
}
