// ---- controls: where each axis goes, which points are held, how large, which states

const ROLE_WORDS = { x: 'Columns', columns: 'by', y: 'Rows', rows: 'by' };
const TABS_ROOM = 72; // letters, with three more for the space around each label

/**
 * The controls above the grid.
 * @param {object} book
 * @param {(change: (view: View) => View, how: 'push'|'replace') => void} change asks for another view
 * @param {{control: (axis: number) => HTMLElement}} cycle plays a held axis
 * @param {{button: (words: string) => HTMLElement}} values opens the menu of an axis
 */
function createControls(book, change, cycle, values) {
  const selects = new Map(['x', 'columns', 'y', 'rows'].map((role) => [role, roleSelect(book, role, change)]));
  const counts = new Map(ROLES.map((role) => [role, values.button()]));
  fillArrange(book, selects, counts, change);
  const zoom = wireZoom(change);
  const chips = wireFilters(change);
  const versus = wireVersus(book, change);
  let shownHeld = null;

  /** Brings the controls in line with a scene; those that hold the focus are changed, not replaced. */
  return function update({ view, zoom: pixels, least }) {
    for (const [role, select] of selects) select.value = view[role];
    for (const [role, button] of counts) values.describe(button, view, view[role]);
    selects.get('columns').disabled = view.x === NOWHERE;
    selects.get('rows').disabled = view.y === NOWHERE;
    zoom.min = least;
    zoom.value = pixels;
    versus.setAttribute('aria-pressed', view.versus);
    part('zoom-fit').setAttribute('aria-pressed', view.zoom === 0);
    for (const chip of chips) chip.setAttribute('aria-pressed', view.show.has(STATES.indexOf(chip.dataset.state)));
    const held = heldAxes(book, view);
    const astray = astrayAxes(book, view, held);
    const wanted = JSON.stringify([...held, ...astray].map((axis) => [axis, view.points[axis]]));
    if (wanted !== shownHeld) {
      shownHeld = wanted;
      part('held').replaceChildren(
        ...held.map((axis) => heldControl(book, view, axis, { change, cycle, values })),
        ...astray.map((axis) => axisButton(view, axis, values)),
      );
    }
    for (const control of part('held').children) control.dispatchEvent(new CustomEvent('view', { detail: view }));
  };
}

// -- where axes go

function roleSelect(book, role, change) {
  const options = book.axes.map((axis, place) => make('option', { value: place }, axis.title));
  const select = make('select', { id: `role-${role}` }, make('option', { value: NOWHERE }, 'nothing'), ...options);
  select.addEventListener('change', () => change((view) => place(book, view, role, Number(select.value)), 'push'));
  return select;
}

function fillArrange(book, selects, counts, change) {
  const pair = (inner, outer) => make('div', { class: 'pair' }, ...[inner, outer].flatMap((role) =>
    [make('label', { class: `choice ${role}` }, make('span', {}, ROLE_WORDS[role]), selects.get(role)), counts.get(role)]));
  part('arrange').append(pair('x', 'columns'), pair('y', 'rows'));
  part('swap').addEventListener('click', () => change((view) => tidy(book, {
    ...view, x: view.y, y: view.x, columns: view.rows, rows: view.columns,
  }), 'push'));
  for (const id of ['arrange', 'swap']) part(id).hidden = book.axes.length === 0;
}

// -- held points

/** Tabs for an axis with few points, a slider for one with many. Each listens to `view` events to stay in line. */
function heldControl(book, view, axis, { change, cycle, values }) {
  const digits = shownDigits(book, view, axis);
  const letters = digits.reduce((sum, digit) => sum + book.axes[axis].labels[digit].length + 3, 0);
  const name = axisButton(view, axis, values);
  const set = (letters <= TABS_ROOM ? heldTabs : heldSlider)(book, axis, digits, name, change);
  set.append(cycle.control(axis));
  return set;
}

/** Axes with a say in what is shown that lie nowhere: those that another axis gives away, with values hidden. */
function astrayAxes(book, view, held) {
  const known = [...placedAxes(view), ...held];
  return [...book.axes.keys()].filter((axis) => view.points[axis] && !known.includes(axis));
}

/** A button with an axis's name that opens its menu. */
function axisButton(view, axis, values) {
  const button = values.button();
  values.describe(button, view, axis, true);
  return button;
}

function heldTabs(book, axis, digits, name, change) {
  const { labels } = book.axes[axis];
  const tabs = [...digits, ALL].map((digit) => {
    const input = make('input', { type: 'radio', name: `held-${axis}`, value: digit });
    input.addEventListener('change', () => change((view) => hold(view, axis, digit), 'push'));
    const words = digit === ALL ? make('span', { class: 'label-text' }, 'all') : labelText(labels[digit]);
    const tip = digit === ALL ? 'all points together in each cell' : labelTitle(book, axis, digit);
    return make('label', { class: digit === ALL ? 'tab all' : 'tab', title: tip }, input, words);
  });
  const set = make('fieldset', { class: 'tabs' }, make('legend', {}, name), ...tabs);
  set.addEventListener('view', ({ detail: view }) => {
    const matching = matchingDigits(book, view, axis);
    for (const tab of tabs) {
      const digit = Number(tab.firstChild.value);
      tab.firstChild.checked = view.held[axis] === digit;
      tab.classList.toggle('without', digit !== ALL && !matching.has(digit));
    }
  });
  return set;
}

/** A slider over the places of the points that are shown. */
function heldSlider(book, axis, digits, name, change) {
  const { title, labels } = book.axes[axis];
  const most = digits.length;
  const range = make('input', { type: 'range', min: 1, max: most, step: 1, 'aria-label': title });
  const said = make('output', { class: 'label-text' });
  const all = make('button', { type: 'button', class: 'plain', title: 'all points together in each cell' }, 'all');
  const choose = (place, how) => change((view) => hold(view, axis, place === ALL ? ALL : digits[place - 1]), how);
  const step = (by, words) => {
    const sign = by < 0 ? '‹' : '›';
    const button = make('button', { type: 'button', class: 'plain', 'aria-label': `${words} ${title}` }, sign);
    button.addEventListener('click', () => choose(clamp(Number(range.value) + by, 1, most), 'push'));
    return button;
  };
  range.addEventListener('input', () => choose(Number(range.value), 'replace'));
  all.addEventListener('click', () => {
    choose(all.getAttribute('aria-pressed') === 'true' ? Number(range.value) : ALL, 'push');
  });
  const set = make('fieldset', { class: 'tabs slider' }, make('legend', {}, name),
    step(-1, 'previous'), range, step(1, 'next'), said, all);
  set.addEventListener('view', ({ detail: view }) => {
    const digit = view.held[axis];
    if (digit !== ALL) range.value = digits.indexOf(digit) + 1;
    said.textContent = digit === ALL ? `all ${most}` : visible(labels[digit]);
    said.title = digit === ALL ? '' : labelTitle(book, axis, digit);
    range.setAttribute('aria-valuetext', said.textContent);
    all.setAttribute('aria-pressed', digit === ALL);
  });
  return set;
}

/** Points of an axis at which the filter lets some tile through. */
function matchingDigits(book, view, axis) {
  const { digits, labels } = book.axes[axis];
  if (!filtering(book, view)) return new Set(labels.keys());
  const found = new Set();
  for (let tile = 0; tile < book.count; tile += 1) if (passes(book, view, tile)) found.add(digits[tile]);
  return found.has(0) ? new Set(labels.keys()) : found;
}

// -- size, states, theme

function wireZoom(change) {
  const zoom = part('zoom');
  zoom.addEventListener('input', () => change((view) => ({ ...view, zoom: Number(zoom.value) }), 'replace'));
  part('zoom-fit').addEventListener('click', () => change((view) => ({ ...view, zoom: 0 }), 'replace'));
  return zoom;
}

/** The button that has every cell show its difference to the baseline's. */
function wireVersus(book, change) {
  const button = part('versus');
  button.hidden = !book.baseline.size;
  button.addEventListener('click', () => change((view) => ({ ...view, versus: !view.versus }), 'push'));
  return button;
}

function wireFilters(change) {
  const chips = [...document.querySelectorAll('[data-state]')];
  for (const chip of chips) {
    chip.disabled = false;
    chip.addEventListener('click', () => change((view) => {
      const show = new Set(view.show);
      const state = STATES.indexOf(chip.dataset.state);
      if (!show.delete(state)) show.add(state);
      return { ...view, show };
    }, 'push'));
  }
  return chips;
}

/** Where the filter's tiles are all at other held points, says so and offers the way there. */
function showNothing(book, { view, arrangement }, change) {
  const nothing = part('nothing');
  nothing.hidden = arrangement.rows.length > 0 && (arrangement.matches > 0 || !filtering(book, view));
  if (nothing.hidden) return;
  const states = [...view.show].map((state) => STATES[state]).join(' or ');
  const wanted = [states, view.only && 'of this filter'].filter(Boolean).join(' and ');
  const first = Array.from({ length: book.count }, (_, tile) => tile).find((tile) => passes(book, view, tile));
  if (first === undefined) {
    nothing.replaceChildren(book.count ? `No cell is ${wanted}.` : 'This run has no cells.');
    return;
  }
  const button = make('button', { type: 'button', class: 'plain' }, 'Show the first one');
  button.addEventListener('click', () => change((before) => ({
    ...before,
    points: before.points.map((points, axis) => (points?.includes(book.axes[axis].digits[first]) ? points : null)),
    held: before.held.map((digit, axis) => (digit === ALL ? ALL : book.axes[axis].digits[first] || digit)),
  }), 'push'));
  nothing.replaceChildren(`No ${wanted && `${wanted} `}cell here. `, button);
}

/** The theme follows the system until the reader chooses; the choice lasts where the browser keeps such things. */
function wireTheme() {
  const button = part('theme');
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute('aria-label', theme === 'dark' ? 'Light theme' : 'Dark theme');
  };
  const system = matchMedia('(prefers-color-scheme: dark)');
  apply(kept('theme') ?? (system.matches ? 'dark' : 'light'));
  system.addEventListener('change', () => apply(kept('theme') ?? (system.matches ? 'dark' : 'light')));
  button.addEventListener('click', () => {
    const theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    apply(theme);
    keep('theme', theme);
  });
}

/** What was kept earlier, or null; some browsers forbid a page opened from a disk to keep anything. */
function kept(name) {
  try {
    const value = localStorage.getItem(`sweep-${name}`);
    return value === 'dark' || value === 'light' ? value : null;
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`sweep-${name}`, value);
  } catch {
    announce('this browser does not keep the theme for a page opened from a disk');
  }
}
