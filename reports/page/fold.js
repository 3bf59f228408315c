// ---- fold: on a phone the controls lie behind one row, which says what they are set to

/** Wires the row and returns what brings its words in line with a view. */
function createFold(book) {
  const button = part('fold');
  button.hidden = book.count === 0;
  button.addEventListener('click', () => {
    const open = part('bar').toggleAttribute('data-open');
    button.setAttribute('aria-expanded', open);
  });
  return (view) => part('fold-words').replaceChildren(...foldWords(book, view));
}

/** Which axis goes where, and what else changes what is shown. */
function foldWords(book, view) {
  const along = (sign, axis) => (axis === NOWHERE ? [] : [make('span', { class: 'fold-axis' }, `${sign}\u00a0${book.axes[axis].title}`)]);
  const more = [isList(view) && 'all in a list', view.versus && 'against baseline', filtering(book, view) && 'filtered'].filter(Boolean);
  return [...along('→', view.x), ...along('↓', view.y), ...more.map((words) => make('span', {}, words))];
}
