// ---- values: the menu of an axis: which of its points are shown, in which order, and where the axis goes

const LISTED = 60; // points

const PLACES = [
  ['x', 'columns'],
  ['columns', 'groups of columns'],
  ['y', 'rows'],
  ['rows', 'groups of rows'],
  ['one', 'one at a time'],
  ['all', 'all together in each cell'],
];

/**
 * The menu that opens from an axis's name.
 * @param {object} book
 * @param {() => View} view
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} change asks for another view
 */
function createValues(book, view, change) {
  const menu = part('values');
  let axis = NOWHERE;
  let opener = null;
  let closedBy = null;
  let pieces = null;

  function open(button) {
    axis = Number(button.dataset.values);
    opener = button;
    pieces = menuPieces(book, axis, view, change, refresh);
    menu.replaceChildren(...pieces.nodes);
    refresh();
    menu.showPopover();
    putBeside(menu, button.getBoundingClientRect());
    menu.querySelector('.value input')?.focus();
  }

  /** Brings the open menu in line with the view; what has the focus keeps it. */
  function refresh() {
    if (!pieces) return;
    const focused = menu.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    pieces.fill(view());
    const again = [...menu.querySelectorAll('[data-key]')].find(({ dataset }) => dataset.key === focused);
    again?.focus({ preventScroll: true });
    again?.scrollIntoView({ block: 'nearest' });
  }

  menu.addEventListener('toggle', ({ newState }) => {
    opener?.setAttribute('aria-expanded', newState === 'open');
    if (newState === 'open') return;
    const lost = document.activeElement === document.body || menu.contains(document.activeElement);
    if (lost) buttonInSight(axis)?.focus();
    pieces = null;
    menu.replaceChildren();
  });
  document.addEventListener('pointerdown', ({ target }) => {
    closedBy = menu.matches(':popover-open') ? target.closest('[data-values]') : null; // it closes before the click
  }, true);
  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-values]');
    if (button && button !== closedBy) open(button);
    closedBy = null;
  });

  return {
    update: refresh,
    /** A button for `describe`. */
    button: () => make('button', { type: 'button', class: 'plain values-button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false' }),
    /** Has a button open an axis's menu and say how many of its points are shown; `named` has it say the axis too. */
    describe(button, now, which, named = false) {
      button.hidden = which === NOWHERE;
      delete button.dataset.values;
      if (button.hidden) return;
      const { title, labels } = book.axes[which];
      const shown = shownDigits(book, now, which).length;
      const all = labels.length - 1;
      const few = shown < all ? `${counted(shown)} of ${counted(all)}` : '';
      button.dataset.values = which;
      button.classList.toggle('few', Boolean(few));
      button.title = `values of ${title}: ${few || `all ${counted(all)}`}`;
      if (named) button.replaceChildren(title, ...(few ? [make('span', { class: 'quiet' }, ` ${few}`)] : []));
      else button.replaceChildren(few);
      if (!named) button.setAttribute('aria-label', button.title);
    },
  };
}

/** The button of an axis that can take the focus: on a phone those of the bar are folded away. */
function buttonInSight(axis) {
  const seen = (within) => [...within.querySelectorAll(`[data-values="${axis}"]`)].find((button) => button.checkVisibility({ visibilityProperty: true }));
  return seen(part('bar')) ?? seen(document);
}

/** Puts the menu below what opened it, within the window. */
function putBeside(menu, { left, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  menu.style.left = `${clamp(left, 8, Math.max(8, innerWidth - width - 8))}px`;
  menu.style.top = `${clamp(bottom + 4, 8, Math.max(8, innerHeight - height - 8))}px`;
}

/** The menu's elements, and what brings them in line with a view. */
function menuPieces(book, axis, view, change, refresh) {
  const { title, labels, description } = book.axes[axis];
  const said = make('p', { class: 'quiet', role: 'status' });
  const list = make('ul', { class: 'values' });
  const search = make('input', { type: 'search', placeholder: 'find a value', 'aria-label': 'find a value' });
  const where = placeSelect(book, axis, view, change);
  const act = (words, action) => {
    const button = make('button', { type: 'button', class: 'plain', 'data-key': words }, words);
    button.addEventListener('click', () => change((now) => action(now), 'push'));
    return button;
  };
  search.addEventListener('input', refresh);
  wireList(book, axis, list, change);
  const asked = () => search.value.trim().toLowerCase();
  const nodes = [
    make('h2', { id: 'values-title' }, make('bdi', {}, title)),
    ...(description ? [make('p', { class: 'quiet' }, description)] : []),
    make('label', { class: 'choice' }, make('span', {}, 'Where'), where),
    make('div', { class: 'value-actions' },
      act('Show all', (now) => showPoints(book, now, axis, listedPoints(book, now, axis))),
      act('Reverse', (now) => orderPoints(book, now, axis, reversed(shownPoints(book, now, axis)))),
      act('As in the file', (now) => orderPoints(book, now, axis, usualPoints(book, axis)))),
    ...(labels.length > LISTED / 4 ? [search] : []),
    list,
    said,
    make('p', { class: 'quiet hint' }, 'Space shows or hides a value, Alt with ↑ ↓ moves it'),
  ];
  return {
    nodes,
    fill(now) {
      const found = listedPoints(book, now, axis).filter((digit) => labels[digit].toLowerCase().includes(asked()));
      const shown = new Set(shownPoints(book, now, axis));
      list.replaceChildren(...found.slice(0, LISTED).map((digit) => valueRow(book, axis, digit, shown)));
      said.textContent = found.length > LISTED ? `${LISTED} of ${counted(found.length)} listed: type to find others` : found.length ? '' : 'no value has these words in it';
      where.value = placeOf(now, axis);
    },
  };
}

function reversed(digits) {
  const points = digits.filter(Boolean).reverse();
  return digits.includes(0) ? [...points, 0] : points;
}

// -- where the axis goes

function placeOf(view, axis) {
  return ROLES.find((role) => view[role] === axis) ?? (view.held[axis] === ALL ? 'all' : 'one');
}

function placeSelect(book, axis, view, change) {
  const options = PLACES.map(([value, words]) => make('option', { value }, words));
  const select = make('select', { 'data-key': 'where' }, ...options);
  select.addEventListener('change', () => change((now) => {
    if (ROLES.includes(select.value)) return place(book, now, select.value, axis);
    const first = now.held[axis] === ALL ? shownDigits(book, now, axis)[0] : now.held[axis];
    return takeOff(book, now, axis, select.value === 'all' ? ALL : first);
  }, 'push'));
  return select;
}

// -- the list of values

function valueRow(book, axis, digit, shown) {
  const label = digit ? visible(book.axes[axis].labels[digit]) : 'does not apply';
  const seen = shown.has(digit);
  const handle = make('button', { type: 'button', class: 'handle', 'data-key': `move ${digit}`, 'aria-label': `move ${label}`, title: 'drag, or ↑ ↓', disabled: !seen || !digit }, '⠿');
  const check = make('input', { type: 'checkbox', 'data-key': `show ${digit}` });
  check.checked = seen;
  const only = make('button', { type: 'button', class: 'plain only', 'data-key': `only ${digit}`, 'aria-label': `only ${label}` }, 'only');
  const words = digit ? labelText(book.axes[axis].labels[digit]) : make('span', { class: 'label-text blank' }, label);
  return make('li', { class: 'value', 'data-digit': digit }, handle, make('label', {}, check, words), ...(digit ? [only] : []));
}

/** Has a list's rows be shown, hidden, left alone, and moved by drag and by key. */
function wireList(book, axis, list, change) {
  const digitOf = (element) => Number(element.closest('.value').dataset.digit);
  list.addEventListener('change', ({ target }) => change((view) => {
    const next = togglePoint(book, view, axis, digitOf(target));
    if (next === view) announce('one value stays');
    target.checked = shownPoints(book, next, axis).includes(digitOf(target));
    return next;
  }, 'push'));
  list.addEventListener('click', ({ target }) => {
    if (target.closest('.only')) change((view) => showPoints(book, view, axis, [digitOf(target)]), 'push');
  });
  list.addEventListener('keydown', (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!by || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.altKey || event.target.matches('.handle')) {
      change((view) => stepPoint(book, view, axis, digitOf(event.target), by), 'push');
      sayPlace(book, axis, digitOf(event.target), list);
    } else besideRow(list, event.target, by)?.focus();
  });
  list.addEventListener('pointerdown', (event) => {
    if (event.button || !event.target.closest('.handle:enabled')) return;
    event.preventDefault();
    drag(list, event, (digit, before) => change((view) => movePoint(book, view, axis, digit, before), 'push'));
  });
}

function sayPlace(book, axis, digit, list) {
  const rows = [...list.querySelectorAll('.value:has(:checked)')];
  const at = rows.findIndex((row) => Number(row.dataset.digit) === digit);
  announce(`${visible(book.axes[axis].labels[digit])}: ${at + 1} of ${rows.length}`);
}

/** The control of the same kind in another row of the list. */
function besideRow(list, control, by) {
  const rows = [...list.children];
  const row = rows[clamp(rows.indexOf(control.closest('.value')) + by, 0, rows.length - 1)];
  const kind = control.dataset.key.split(' ')[0];
  return row.querySelector(`[data-key^="${kind}"]:enabled`) ?? row.querySelector('input');
}

/** Drags a row until the pointer lets it go, then tells its digit and that of the row before it, or null. */
function drag(list, { target, pointerId }, moved) {
  const row = target.closest('.value');
  const stop = new AbortController();
  row.classList.add('dragged');
  list.setPointerCapture(pointerId);
  const follow = ({ clientY }) => {
    const { top, bottom } = list.getBoundingClientRect();
    if (clientY < top + 16 || clientY > bottom - 16) list.scrollTop += clientY < top + 16 ? -12 : 12;
    const others = [...list.children].filter((other) => other !== row && Number(other.dataset.digit));
    const before = others.findLast((other) => {
      const box = other.getBoundingClientRect();
      return clientY > box.top + box.height / 2;
    });
    if (before && row.previousElementSibling !== before) before.after(row);
    else if (!before && row.previousElementSibling) list.prepend(row);
  };
  const end = () => {
    stop.abort();
    row.classList.remove('dragged');
    const before = row.previousElementSibling;
    moved(Number(row.dataset.digit), before && Number(before.dataset.digit));
  };
  list.addEventListener('pointermove', follow, stop);
  list.addEventListener('pointerup', end, stop);
  list.addEventListener('pointercancel', end, stop);
}
