// ---- figures: the controls for numbers: colour, order, filter

const PLAIN = /^[\p{L}\p{N}_. -]{1,24}$/u;

/** Builds the controls and returns what brings them in line with a scene. */
function createFigures(book, change) {
  const host = part('figures');
  const columns = numericColumns(book);
  if (!book.count) return () => {};
  const paint = columnSelect(columns, 'figures-colour', 'none');
  const key = make('span', { id: 'figures-legend' });
  paint.addEventListener('change', () => change((view) => ({ ...view, paint: paint.value }), 'push'));
  const sorting = sortControls(book, columns, change);
  const only = onlyControl(book, change);
  if (columns.size) host.append(make('label', { class: 'choice' }, make('span', {}, 'Colour'), paint), key, ...sorting.nodes);
  host.append(...only.nodes);
  host.hidden = false;
  let shown;
  return ({ view, arrangement }) => {
    paint.value = view.paint;
    sorting.update(view);
    only.update(view, arrangement);
    if (shown === view.paint) return;
    host.toggleAttribute('data-painted', columns.has(view.paint));
    shown = view.paint;
    key.replaceChildren(...(columns.has(view.paint) ? [legend(book, columns.get(view.paint))] : []));
  };
}

function columnSelect(columns, id, none) {
  const options = [...columns.values()].map(({ name, title }) => make('option', { value: name }, title));
  return make('select', { id }, make('option', { value: '' }, none), ...options);
}

function sortControls(book, columns, change) {
  const by = columnSelect(columns, 'figures-sort', 'as in the file');
  const words = { columns: 'columns', rows: 'rows', list: 'all in a list' };
  const of = make('select', { id: 'figures-sorted', 'aria-label': 'what is sorted' },
    ...SORTED.map((name) => make('option', { value: name }, words[name])));
  const turn = make('button', { type: 'button', class: 'plain', id: 'figures-turn', title: 'Turn the order around' });
  const apply = (falling) => change((view) => sortView(book, view, by.value ? { of: of.value, by: by.value, falling } : null), 'push');
  let falling = true;
  by.addEventListener('change', () => apply(falling));
  of.addEventListener('change', () => by.value && apply(falling));
  turn.addEventListener('click', () => apply(!falling));
  return {
    nodes: [make('span', { class: 'choice sorting' }, make('label', { class: 'choice' }, make('span', {}, 'Sort'), of),
      make('label', { class: 'choice' }, make('span', {}, 'by'), by), turn)],
    update: ({ sort }) => {
      by.value = sort?.by ?? '';
      if (sort) ({ falling, of: of.value } = { ...sort });
      turn.textContent = falling ? 'most first' : 'least first';
      turn.disabled = !sort;
    },
  };
}

function onlyControl(book, change) {
  const input = make('input', {
    type: 'text', id: 'figures-only', spellcheck: 'false', autocomplete: 'off', placeholder: exampleOf(book),
    'aria-describedby': 'figures-problem',
  });
  const said = make('span', { id: 'figures-problem', role: 'status' });
  const clear = make('button', { type: 'button', class: 'plain', hidden: true }, 'Clear');
  const apply = (text) => change((view) => ({ ...view, only: text.trim() }), 'push');
  input.addEventListener('change', () => apply(input.value));
  clear.addEventListener('click', () => apply(''));
  return {
    nodes: [make('label', { class: 'choice only' }, make('span', {}, 'Only'), input), clear, said],
    update: ({ only }) => {
      if (document.activeElement !== input || !only) input.value = only;
      const { problem, count } = only ? filterOf(book, only) : { problem: '', count: book.count };
      input.setAttribute('aria-invalid', problem !== '');
      clear.hidden = !only;
      said.className = problem ? 'loud' : 'quiet';
      said.textContent = problem || (only ? `${counted(count)} of ${counted(book.count)}` : '');
    },
  };
}

/** An expression that this page understands: of a point that is short and holds no sign of the language. */
function exampleOf(book) {
  const plain = (words) => PLAIN.test(words) && words === words.trim();
  const axis = book.axes.find(({ name, labels }) => labels.length > 2 && !/\s/u.test(name) && plain(name) && labels.some(plain));
  const column = ['sharpness', 'seconds'].find((name) => numericColumns(book).has(name));
  return [axis && `${axis.name}=${axis.labels.find(plain)}`, column && `${column}>1`].filter(Boolean).join(', ') || 'name=value';
}
