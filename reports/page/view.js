// ---- view: what the reader has chosen to see, and its spelling in the address

const ROLES = ['x', 'y', 'columns', 'rows'];
const NOWHERE = -1;
const ALL = 0;
const ADDRESS_VERSION = '1';
const NOTHING_COMPARED = { pins: [], compare: '', along: null, pair: '', versus: false };

/**
 * A view is never changed, only replaced.
 * @typedef {object} View
 * @property {number} x axis along the columns, or NOWHERE
 * @property {number} y axis along the rows, or NOWHERE
 * @property {number} columns axis that groups the columns, or NOWHERE
 * @property {number} rows axis that groups the rows, or NOWHERE
 * @property {(number[]|null)[]} points by axis: the digits shown, in the reader's order; null shows all as the file has them
 * @property {number[]} held by axis: the digit shown where the axis is nowhere on the grid; ALL piles its points up
 * @property {number} zoom longer side of a picture in CSS pixels; 0 fits the window
 * @property {Set<number>} show states to show; empty shows all
 * @property {string} cell digest of the tile in the viewer, or empty
 * @property {string[]} pins frames that the reader keeps at hand, see `pinOf`
 * @property {string} compare how they are compared, a name of `MODES`; empty while they are not
 * @property {{axis: number, from: number, to: number}|null} along compares pairs along an axis, in place of the pins
 * @property {string} pair digest of the first of the pair that is compared, or empty
 * @property {string} paint column whose numbers colour the cells, or empty
 * @property {string} only expression that cells must meet, or empty; see filter.js
 * @property {{of: string, by: string, falling: boolean}|null} sort what is sorted by which column
 * @property {string} plot column that is plotted, by an axis and across another (`by`, `across`); empty for the first
 * @property {boolean} versus whether each cell shows its difference to the baseline's
 */

function placedAxes(view) {
  return ROLES.map((role) => view[role]).filter((axis) => axis !== NOWHERE);
}

/** Axes whose points the reader chooses one at a time: nowhere on the grid and not given by another axis. */
function heldAxes(book, view) {
  const known = placedAxes(view);
  const held = [];
  book.axes.forEach((axis, place) => {
    if (known.includes(place) || axis.labels.length < 3) return;
    if (known.some((other) => book.determines(other, place))) return;
    known.push(place);
    held.push(place);
  });
  return held;
}

/** Axes held at one of their points. */
function fixedAxes(book, view) {
  return heldAxes(book, view).filter((axis) => view.held[axis] !== ALL);
}

/** Axes that advance in lockstep with this one; their labels stand beside its own. */
function companions(book, axis) {
  return book.axes
    .map((_, place) => place)
    .filter((other) => other !== axis && book.axes[other].labels.length > 2)
    .filter((other) => book.determines(axis, other) && book.determines(other, axis));
}

/** The view that the book asks for, or a sensible one where it does not. */
function initialView(book) {
  const named = (name) => (name ? book.axes.findIndex((axis) => axis.name === name) : NOWHERE);
  const asked = ROLES.map((role) => named(book.layout[role]));
  const roles = asked.some((axis) => axis !== NOWHERE) ? asked : proposeRoles(book);
  const [x, y, columns, rows] = roles;
  const points = book.axes.map(() => null);
  const held = initialHeld(book);
  return tidy(book, { x, y, columns, rows, points, held, zoom: 0, show: new Set(), cell: '', ...NOTHING_COMPARED, ...NO_NUMBERS });
}

/**
 * Axes with a choice of points that no axis before them gives away: the longest first, and last those that apply to
 * some cells alone.
 */
function leadingAxes(book) {
  const leaders = [];
  book.axes.forEach((axis, place) => {
    if (axis.labels.length > 2 && !leaders.some((other) => book.determines(other, place))) leaders.push(place);
  });
  const rank = (place) => (book.axes[place].partial ? 0 : book.axes[place].labels.length);
  return leaders.sort((a, b) => rank(b) - rank(a));
}

/** Whether a book has so few of its axes' combinations that one point of each would leave most boxes empty. */
function isSparse(book) {
  const whole = leadingAxes(book).filter((place) => !book.axes[place].partial);
  const product = whole.reduce((size, place) => size * (book.axes[place].labels.length - 1), 1);
  return book.count < 0.3 * product;
}

/** Longest axis down, the next across, a third and fourth around them while the page stays readable. */
function proposeRoles(book) {
  const size = (place) => book.axes[place].labels.length - 1;
  const [first = NOWHERE, second = NOWHERE, ...others] = leadingAxes(book);
  if (second === NOWHERE) {
    const only = first === NOWHERE && book.axes.length ? 0 : first;
    return only !== NOWHERE && size(only) > 8 ? [NOWHERE, only, NOWHERE, NOWHERE] : [only, NOWHERE, NOWHERE, NOWHERE];
  }
  if (isSparse(book)) return [second, first, NOWHERE, NOWHERE];
  const [third = NOWHERE, fourth = NOWHERE] = others.filter((place) => !book.axes[place].partial);
  const wide = third !== NOWHERE && size(second) * size(third) <= 12;
  return wide ? [second, first, third, fourth] : [second, first, NOWHERE, third];
}

/** The baseline's point where there is one, else the first; all points where one alone would hide too much. */
function initialHeld(book) {
  const sparse = isSparse(book);
  return book.axes.map(({ partial }, axis) => baselineDigit(book, axis) || (sparse || partial ? ALL : 1));
}

/** The view without an axis in two roles, or a group without an axis to group. */
function tidy(book, view) {
  const next = { ...view };
  const seen = new Set([NOWHERE]);
  for (const role of ROLES) {
    if (seen.has(next[role])) next[role] = NOWHERE;
    else seen.add(next[role]);
  }
  for (const [inner, outer] of [['x', 'columns'], ['y', 'rows']]) {
    if (next[inner] === NOWHERE) [next[inner], next[outer]] = [next[outer], NOWHERE];
  }
  return next;
}

/** The view with an axis in a role; whoever had the role takes the axis's former one. */
function place(book, view, role, axis) {
  const next = { ...view };
  const former = ROLES.find((other) => axis !== NOWHERE && view[other] === axis);
  if (former) next[former] = view[role];
  next[role] = axis;
  return tidy(book, next);
}

/** The view with an axis nowhere on the grid: held at a point, or with all of its points piled up in each cell. */
function takeOff(book, view, axis, digit) {
  const next = { ...view };
  for (const role of ROLES) if (next[role] === axis) next[role] = NOWHERE;
  return hold(tidy(book, next), axis, digit);
}

function hold(view, axis, digit) {
  return { ...view, held: view.held.map((known, other) => (other === axis ? digit : known)) };
}

/** Spells a view as a fragment: axes and points by name, so that old links survive an extended experiment. */
function spellView(book, view) {
  const words = new URLSearchParams({ v: ADDRESS_VERSION });
  for (const role of ROLES) words.set(role, view[role] === NOWHERE ? '' : book.axes[view[role]].name);
  for (const axis of heldAxes(book, view)) {
    const { name, labels } = book.axes[axis];
    if (view.held[axis] === ALL) words.append('all', name);
    else words.append(`at.${name}`, labels[view.held[axis]]);
  }
  spellPoints(book, view, words);
  if (view.zoom) words.set('zoom', view.zoom);
  if (view.show.size) words.set('show', [...view.show].sort().map((state) => STATES[state]).join(' '));
  if (view.cell) words.set('cell', view.cell);
  spellCompared(book, view, words);
  spellNumbers(view, words);
  return `#${words}`;
}

/** Reads a fragment; what it names and the book no longer has is left as the initial view has it. */
function readView(book, fragment) {
  const initial = initialView(book);
  const words = new URLSearchParams(fragment.replace(/^#/, ''));
  if (words.get('v') !== ADDRESS_VERSION) return initial;
  const view = { ...initial, ...readRoles(book, words, initial), held: readHeld(book, words, initial), points: readPoints(book, words) };
  const zoom = Number(words.get('zoom'));
  view.zoom = zoom >= ZOOM.least && zoom <= ZOOM.most ? zoom : 0;
  const shown = (words.get('show') ?? '').split(' ').map((state) => STATES.indexOf(state));
  view.show = new Set(shown.filter((state) => state >= 0));
  Object.assign(view, readCompared(book, words), readNumbers(book, words));
  view.cell = view.compare ? '' : (words.get('cell') ?? '');
  return tidy(book, holdShown(book, view));
}

function spellCompared(book, { pins, compare, along, pair, versus }, words) {
  for (const pin of pins) words.append('pin', pin);
  if (versus) words.set('versus', 'baseline');
  if (!compare) return;
  words.set('compare', compare);
  if (!along) return;
  const { name, labels } = book.axes[along.axis];
  words.set('along', name);
  words.set('from', labels[along.from]);
  words.set('to', labels[along.to]);
  if (pair) words.set('pair', pair);
}

function readCompared(book, words) {
  const compare = MODES.some(({ name }) => name === words.get('compare')) ? words.get('compare') : '';
  const axis = book.axes.findIndex(({ name }) => name === words.get('along'));
  const digit = (end) => (axis < 0 ? -1 : book.axes[axis].labels.indexOf(words.get(end), 1));
  const along = { axis, from: digit('from'), to: digit('to') };
  return {
    pins: [...new Set(words.getAll('pin'))].slice(0, MOST_PINS),
    compare,
    along: compare && along.from > 0 && along.to > 0 ? along : null,
    pair: words.get('pair') ?? '',
    versus: book.baseline.size > 0 && words.get('versus') === 'baseline',
  };
}

function readRoles(book, words, initial) {
  const roles = {};
  for (const role of ROLES) {
    const name = words.get(role);
    const axis = book.axes.findIndex((known) => known.name === name);
    roles[role] = name === '' ? NOWHERE : axis === NOWHERE ? undefined : axis;
  }
  const chosen = new Set(Object.values(roles));
  for (const role of ROLES) roles[role] ??= chosen.has(initial[role]) ? NOWHERE : initial[role];
  return roles;
}

function readHeld(book, words, initial) {
  const all = words.getAll('all');
  return book.axes.map(({ name, labels }, axis) => {
    if (all.includes(name)) return ALL;
    const label = words.get(`at.${name}`);
    const digit = label === null ? -1 : labels.indexOf(label, 1);
    return digit > 0 ? digit : initial.held[axis];
  });
}

/** Whether two views look the same on the grid. */
function sameGrid(a, b) {
  const looks = ['x', 'y', 'columns', 'rows', 'points', 'held', 'zoom', 'show', 'pins', 'versus', 'paint', 'only', 'sort'];
  return looks.every((name) => a[name] === b[name]);
}

/** Whether two views show the same axes in the same places, so that the reader's place still means something. */
function sameRoles(a, b) {
  return ROLES.every((role) => a[role] === b[role]);
}
