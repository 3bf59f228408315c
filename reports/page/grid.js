// ---- grid: only what is near the window becomes elements

/**
 * Shows scenes on the board and keeps the reader's place.
 * @param {object} book
 * @param {object} does
 * @param {(row: number, column: number, frame?: number) => void} does.open called when a cell is clicked or entered
 * @param {(frame: Frame) => void} does.pin called for the cell in which the reader presses P
 * @param {(key: string, tile: number) => void} does.judge called when the reader presses 0 to 5 or X
 * @param {object} ratings what people think of cells
 */
function createGrid(book, does, ratings) {
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

  /** Takes a scene with the same lanes; the cells in which one of some tiles lies are made anew, in their place. */
  function renew(next, tiles) {
    scene = next;
    for (const [row, cells] of shown.cells) {
      for (const [column, element] of cells) {
        if (!tilesAt(scene.arrangement, row, column).some((tile) => tiles.has(tile))) continue;
        const cell = makeCell(book, scene, row, column, ratings);
        cell.setAttribute('tabindex', element.getAttribute('tabindex'));
        const focused = element === document.activeElement;
        element.replaceWith(cell);
        cells.set(column, cell);
        if (element === shown.active) shown.active = cell;
        if (focused) cell.focus({ preventScroll: true });
      }
    }
  }

  function syncRows(near) {
    const wanted = new Set(near.rows);
    wanted.add(active.row);
    const hostOf = (row) => shown.groups.get(groupOf(scene.rows, row));
    sync(shown.rows, wanted, (row) => hostOf(row)?.appendChild(makeRow(book, scene, row)));
    for (const row of shown.cells.keys()) if (!shown.rows.has(row)) shown.cells.delete(row);
    for (const [row, element] of shown.rows) {
      const columns = new Set(near.columns);
      if (row === active.row) columns.add(active.column);
      sync(cellsOf(shown, row), columns, (column) => element.appendChild(makeCell(book, scene, row, column, ratings)));
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

  /** The first picture in the reader's place that the filter lets through. */
  function activeFrame() {
    const tiles = tilesAt(scene.arrangement, active.row, active.column);
    return framesOf(book, tiles).find(({ tile, position }) => position >= 0 && passes(book, scene.view, tile));
  }

  function pinActive() {
    const frame = activeFrame();
    if (frame) does.pin(frame);
    else announce('there is no picture to pin');
  }

  function judgeActive(key) {
    const frame = activeFrame();
    if (frame) does.judge(key, frame.tile);
    else announce('there is no picture to judge');
  }

  board.addEventListener('keydown', (event) => {
    const cell = event.target.closest('[role=gridcell]');
    if (!cell) return;
    Object.assign(active, { row: Number(cell.dataset.row), column: Number(cell.dataset.column) });
    const target = keyTarget(scene, active, event);
    if (!target) return;
    event.preventDefault();
    if (target === 'open') does.open(active.row, active.column);
    else if (target === 'pin') pinActive();
    else if (target === 'judge') judgeActive(event.key);
    else go(target.row, target.column);
  });

  board.addEventListener('click', (event) => {
    const cell = event.target.closest('[role=gridcell]');
    if (!cell) return;
    const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    go(row, column);
    does.open(row, column, scene.small ? frameAt(cell, event) : frameUnder(event.target));
  });

  scroller.addEventListener('scroll', onceAFrame(render), { passive: true });
  return {
    show,
    render,
    renew,
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
  const [heads, columnGroups, groups, rows, cells] = Array.from({ length: 5 }, () => new Map());
  return { heads, columnGroups, groups, rows, cells, active: undefined };
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
function nearby(scroller, body, { columns, rows, stub, small }, active) {
  const [outer, inner] = [scroller.getBoundingClientRect(), body.getBoundingClientRect()];
  const left = outer.left - inner.left;
  const top = outer.top - inner.top;
  const near = small ? NEAR.small : NEAR.full;
  const [firstColumn, lastColumn] = lanesWithin(columns, left - near, left - stub + outer.width + near);
  const [firstRow, lastRow] = lanesWithin(rows, top - near, top + outer.height + near);
  return {
    columns: range(firstColumn, lastColumn),
    rows: range(firstRow, lastRow),
    columnGroups: groupsTouching(columns.groups, firstColumn, lastColumn),
    groups: [
      ...groupsTouching(rows.groups, firstRow, lastRow),
      ...groupsTouching(rows.groups, active.row, active.row + 1),
    ],
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
