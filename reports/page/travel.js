// ---- travel: where keys lead on the grid, and how the window follows the reader

/** What keys do on the grid other than to lead somewhere. */
const DEEDS = {
  Enter: 'open',
  ' ': 'open',
  p: 'pin',
  x: 'judge',
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((stars) => [stars, 'judge'])),
};

/** Where a key leads from the active cell: a place, one of `DEEDS`, or null for keys that mean nothing here. */
function keyTarget({ arrangement, columns, rows }, { row, column }, { key, shiftKey, ctrlKey, metaKey }) {
  if (metaKey || (ctrlKey && key.length === 1)) return null;
  const across = (by) => ({ row, column: stepFrom(arrangement.columns, columns.groups, column, by, shiftKey) });
  const down = (by) => ({ row: stepFrom(arrangement.rows, rows.groups, row, by, shiftKey), column });
  const moves = {
    ArrowLeft: () => across(-1),
    ArrowRight: () => across(1),
    ArrowUp: () => down(-1),
    ArrowDown: () => down(1),
    PageUp: () => down(-5),
    PageDown: () => down(5),
    Home: () => ({ row: ctrlKey ? 0 : row, column: 0 }),
    End: () => ({ row: ctrlKey ? arrangement.rows.length - 1 : row, column: arrangement.columns.length - 1 }),
  };
  if (Object.hasOwn(DEEDS, key)) return DEEDS[key];
  return Object.hasOwn(moves, key) ? moves[key]() : null;
}

/** The lane some steps away, or the nearest there is; by group, the same point of the next or previous group. */
function stepFrom(lanes, groups, lane, by, byGroup) {
  return byGroup ? groupStep(lanes, groups, lane, Math.sign(by)) : clamp(lane + by, 0, lanes.length - 1);
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
  const at = ({ starts, extents }, { lane, into }) => {
    const near = Math.min(lane, starts.length - 1);
    return starts[near] + into * extents[near];
  };
  const [left, top] = [at(columns, column), at(rows, row)];
  const down = above >= 0 ? above - scroller.scrollTop : inner.top + top - outer.top - stickyHeight();
  scroller.scrollBy({ left: inner.left + left - outer.left, top: down, behavior: 'instant' });
}
