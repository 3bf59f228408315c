// ---- grid: only what is near the window becomes elements --------------------------------------------------------------------

const OVERSCAN = 140;

/**
 * Shows scenes on the board and keeps the reader's place.
 * @param {object} book
 * @param {(row: number, column: number, frame?: number) => void} open called when a cell is clicked or entered
 */
function createGrid(book, open) {
  const [scroller, board, heads, body] = ['page', 'board', 'heads', 'body'].map(part);
  let scene = null;
  let shown = freshElements();
  const active = { row: 0, column: 0 };

  /** Replaces the scene; elements are made anew, the scroll position stays where it can. */
  function show(next) {
    scene = next;
    const focused = body.contains(document.activeElement);
    shown = freshElements();
    const { rows, columns } = scene.arrangement;
    active.row = clamp(active.row, 0, Math.max(0, rows.length - 1));
    active.column = clamp(active.column, 0, Math.max(0, columns.length - 1));
    sizeBoard(board, scene);
    heads.replaceChildren(...fixedHeads(book, scene));
    body.replaceChildren();
    render();
    if (focused) shown.active?.focus({ preventScroll: true });
  }

  function render() {
    if (!scene) return;
    const near = nearby(scroller, body, scene, active);
    syncHeads(book, scene, heads, shown, near);
    syncGroups(book, scene, body, shown, near);
    syncRows(near);
  }

  function syncRows(near) {
    const wanted = new Set(near.rows);
    wanted.add(active.row);
    sync(shown.rows, wanted, (row) => shown.groups.get(groupOf(scene.rows, row))?.appendChild(makeRow(book, scene, row)));
    for (const row of shown.cells.keys()) if (!shown.rows.has(row)) shown.cells.delete(row);
    for (const [row, element] of shown.rows) {
      const columns = new Set(near.columns);
      if (row === active.row) columns.add(active.column);
      sync(cellsOf(shown, row), columns, (column) => element.appendChild(makeCell(book, scene, row, column)));
    }
    markActive();
  }

  function markActive() {
    const cell = shown.cells.get(active.row)?.get(active.column);
    if (cell === shown.active) return;
    shown.active?.setAttribute('tabindex', '-1');
    cell?.setAttribute('tabindex', '0');
    shown.active = cell;
  }

  /** Moves the reader's place, scrolls it into sight and, unless told otherwise, focuses it. */
  function go(row, column, { focus = true } = {}) {
    active.row = row;
    active.column = column;
    reveal(scroller, body, scene, row, column);
    render();
    if (focus) shown.active?.focus({ preventScroll: true });
  }

  board.addEventListener('keydown', (event) => {
    if (!event.target.closest('[role=gridcell]')) return;
    const target = keyTarget(scene, active, event);
    if (!target) return;
    event.preventDefault();
    if (target === 'open') open(active.row, active.column);
    else go(target.row, target.column);
  });

  board.addEventListener('click', (event) => {
    const cell = event.target.closest('[role=gridcell]');
    if (!cell) return;
    const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    go(row, column);
    open(row, column, frameUnder(event.target));
  });

  scroller.addEventListener('scroll', onceAFrame(render), { passive: true });
  return {
    show,
    render,
    go,
    focus: () => shown.active?.focus({ preventScroll: true }),
    anchor: () => anchorOf(scroller, body, scene),
    restore: (anchor) => restore(scroller, body, scene, anchor),
  };
}

/** Which of a cell's several pictures an element is; undefined where the cell has one. */
function frameUnder(element) {
  const mosaic = element.closest('.mosaic');
  return mosaic ? [...mosaic.children].indexOf(element.closest('.mosaic > *')) : undefined;
}

/** Elements by what they show: lane or group numbers. */
function freshElements() {
  return { heads: new Map(), columnGroups: new Map(), groups: new Map(), rows: new Map(), cells: new Map(), active: undefined };
}

function cellsOf(shown, row) {
  if (!shown.cells.has(row)) shown.cells.set(row, new Map());
  return shown.cells.get(row);
}

/** Makes the elements that are wanted and missing, removes those that are there and not wanted. */
function sync(elements, wanted, create) {
  for (const [key, element] of elements) {
    if (wanted.has(key)) continue;
    element.remove();
    elements.delete(key);
  }
  for (const key of wanted) {
    if (elements.has(key)) continue;
    const element = create(key);
    if (element) elements.set(key, element);
  }
}

function sizeBoard(board, { stub, margin, columns, rows, headHeights, arrangement, band }) {
  const headHeight = headHeights.reduce((sum, height) => sum + height, 0) + 8;
  board.style.setProperty('--stub', `${stub}px`);
  board.style.setProperty('--margin', `${margin}px`);
  board.style.setProperty('--head', `${headHeight}px`);
  board.style.setProperty('--band', `${band}px`);
  board.style.width = `${stub + columns.total + margin}px`;
  part('body').style.height = `${rows.total}px`;
  board.setAttribute('aria-rowcount', arrangement.rows.length + 1);
  board.setAttribute('aria-colcount', arrangement.columns.length + 1);
}

/** Lanes and groups within the window and a little beyond, and the group in which the reader's place is. */
function nearby(scroller, body, { columns, rows, stub }, active) {
  const [outer, inner] = [scroller.getBoundingClientRect(), body.getBoundingClientRect()];
  const left = outer.left - inner.left;
  const top = outer.top - inner.top;
  const [firstColumn, lastColumn] = lanesWithin(columns, left - OVERSCAN, left - stub + outer.width + OVERSCAN);
  const [firstRow, lastRow] = lanesWithin(rows, top - OVERSCAN, top + outer.height + OVERSCAN);
  return {
    columns: range(firstColumn, lastColumn),
    rows: range(firstRow, lastRow),
    columnGroups: groupsTouching(columns.groups, firstColumn, lastColumn),
    groups: [...groupsTouching(rows.groups, firstRow, lastRow), ...groupsTouching(rows.groups, active.row, active.row + 1)],
  };
}

function range(first, last) {
  return Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
}

/** First lanes of the groups that reach into the lanes from `first` to before `last`. */
function groupsTouching(starts, first, last) {
  return starts.slice(0, -1).filter((start, place) => start < last && starts[place + 1] > first);
}

/** First lane of the group that a lane belongs to. */
function groupOf({ groups }, lane) {
  return groups.findLast((start) => start <= lane && start < groups.at(-1));
}

/** Pixels from a group's first lane to the end of its last. */
function groupExtent({ groups, starts, extents }, start) {
  const last = groups[groups.indexOf(start) + 1] - 1;
  return starts[last] + extents[last] - starts[start];
}

// -- heads

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

function axisName(book, axis, arrow) {
  const { title, description } = book.axes[axis];
  const name = make('span', { class: 'axis-name', title: description || title }, ...breakable(title));
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
    Object.assign(box.style, pixels({ left, top: names + groups, width, height: labels }));
    return heads.appendChild(box);
  });
}

function pixels(lengths) {
  return Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, `${length}px`]));
}

// -- body

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
  const text = make('span', { class: 'band-text', role: 'rowheader', title: labelTitle(book, axis, digit) },
    make('span', { class: 'axis-name' }, book.axes[axis].title), ...labelNodes(book, axis, digit));
  return make('div', { class: 'band', role: 'row' }, text);
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

function makeCell(book, scene, row, column) {
  const { view, arrangement, rows, columns, stub, zoom } = scene;
  const tiles = arrangement.cells.get(row * arrangement.columns.length + column) ?? [];
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
  fillCell(book, element, tiles, { zoom, width, height });
  return element;
}

// -- the reader's place

/** Where a key leads from the active cell: a place, 'open', or null for keys that mean nothing here. */
function keyTarget({ arrangement, columns: columnLayout, rows: rowLayout }, { row, column }, { key, shiftKey, ctrlKey, metaKey }) {
  if (metaKey) return null;
  const [rows, columns] = [arrangement.rows, arrangement.columns];
  const [lastRow, lastColumn] = [rows.length - 1, columns.length - 1];
  const moves = {
    ArrowLeft: () => ({ row, column: shiftKey ? groupStep(columns, columnLayout.groups, column, -1) : Math.max(0, column - 1) }),
    ArrowRight: () => ({ row, column: shiftKey ? groupStep(columns, columnLayout.groups, column, 1) : Math.min(lastColumn, column + 1) }),
    ArrowUp: () => ({ row: shiftKey ? groupStep(rows, rowLayout.groups, row, -1) : Math.max(0, row - 1), column }),
    ArrowDown: () => ({ row: shiftKey ? groupStep(rows, rowLayout.groups, row, 1) : Math.min(lastRow, row + 1), column }),
    Home: () => ({ row: ctrlKey ? 0 : row, column: 0 }),
    End: () => ({ row: ctrlKey ? lastRow : row, column: lastColumn }),
    PageUp: () => ({ row: Math.max(0, row - 5), column }),
    PageDown: () => ({ row: Math.min(lastRow, row + 5), column }),
    Enter: () => 'open',
    ' ': () => 'open',
  };
  return Object.hasOwn(moves, key) ? moves[key]() : null;
}

/** The lane at the same point in the next or previous group; the group's nearest lane where it lacks that point. */
function groupStep(lanes, starts, lane, step) {
  const group = starts.findLastIndex((start) => start <= lane && start < lanes.length);
  const next = clamp(group + step, 0, starts.length - 2);
  const members = range(starts[next], starts[next + 1]);
  const same = members.find((other) => lanes[other].inner === lanes[lane].inner);
  return same ?? Math.min(members.at(-1), starts[next] + lane - starts[group]);
}

/** Scrolls no more than needed to bring a cell between the head, the row labels and the window's far edges. */
function reveal(scroller, body, { columns, rows, stub, band }, row, column) {
  const [outer, inner] = [scroller.getBoundingClientRect(), body.getBoundingClientRect()];
  const covered = stickyHeight() + band;
  const top = inner.top - outer.top + rows.starts[row];
  const left = inner.left - outer.left + stub + columns.starts[column];
  const down = shift(top, rows.extents[row], covered, scroller.clientHeight);
  const right = shift(left, columns.extents[column], stub, scroller.clientWidth);
  if (down || right) scroller.scrollBy({ top: down, left: right, behavior: 'instant' });
}

/** How far to scroll so that a span lies between two edges. */
function shift(start, extent, near, far) {
  if (start < near) return start - near - 4;
  return start + extent > far ? Math.min(start + extent - far + 12, start - near - 4) : 0;
}

/** Height of what sticks to the window's upper edge above the pictures. */
function stickyHeight() {
  return part('heads').offsetHeight + parseFloat(getComputedStyle(part('heads')).top);
}

/** The row and column at the upper left of the window, and how far into them it lies. */
function anchorOf(scroller, body, { rows, columns, stub }) {
  const [outer, inner] = [scroller.getBoundingClientRect(), body.getBoundingClientRect()];
  const top = outer.top + stickyHeight() - inner.top;
  const left = outer.left - inner.left;
  return { row: laneAt(rows, top), column: laneAt(columns, left), above: top < 0 ? scroller.scrollTop : -1, stub };
}

function laneAt({ starts, extents }, at) {
  const lane = clamp(countBelow(starts, (start) => start <= at) - 1, 0, Math.max(0, starts.length - 1));
  return { lane, into: starts.length ? (at - starts[lane]) / extents[lane] : 0 };
}

function restore(scroller, body, { rows, columns }, { row, column, above }) {
  const [outer, inner] = [scroller.getBoundingClientRect(), body.getBoundingClientRect()];
  const left = columns.starts[column.lane] + column.into * columns.extents[column.lane];
  const top = rows.starts[row.lane] + row.into * rows.extents[row.lane];
  const down = above >= 0 ? above - scroller.scrollTop : inner.top + top - outer.top - stickyHeight();
  scroller.scrollBy({ left: inner.left + left - outer.left, top: down, behavior: 'instant' });
}
