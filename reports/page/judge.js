// ---- judge: stars, rejections and notes on cells; the section that exports them and takes others in

const NO_RIVALS = 'There are no two different pictures in view.';

/** What a key says of a cell, or null. @returns {object|null} */
function judgingKey(key, mark) {
  if (/^[0-5]$/.test(key)) return { stars: Number(key) };
  if (key === 'x') return { rejected: !mark?.rejected };
  return null;
}

/** A quiet badge on a cell that somebody has judged. */
function judgedMark(ratings, tiles, book) {
  const marks = [...new Set(tiles.map((tile) => book.digest(tile)))].flatMap((cell) => ratings.of(cell)).filter(says);
  if (!marks.length) return null;
  const stars = marks.map((mark) => mark.stars).filter(Boolean);
  const mean = stars.reduce((sum, count) => sum + count, 0) / (stars.length || 1);
  const rejected = marks.some((mark) => mark.rejected);
  const notes = marks.map((mark) => mark.note).filter(Boolean);
  const words = [stars.length ? `${decimals.format(mean)} stars` : '', rejected ? 'rejected' : '', ...notes].filter(Boolean);
  const shown = [rejected ? '✕' : '', stars.length ? `★${decimals.format(mean)}` : '', notes.length ? '✎' : ''];
  return make('span', { class: 'judged', role: 'img', 'aria-label': words.join('; '), title: words.join('\n') }, shown.filter(Boolean).join(' '));
}

/** Stars, rejection and note of one cell, for the viewer. */
function judgingControls(book, ratings, tile) {
  const cell = book.digest(tile);
  const group = make('div', { class: 'judging', role: 'group', 'aria-label': 'your judgement' });
  const fill = () => {
    const mark = ratings.own(cell) ?? { stars: 0, rejected: false, note: '' };
    const stars = [1, 2, 3, 4, 5].map((count) => {
      const button = make('button', { type: 'button', class: 'star', 'aria-pressed': mark.stars >= count, 'aria-label': `${count} star${count > 1 ? 's' : ''}`, title: String(count) }, '★');
      button.addEventListener('click', () => put({ stars: mark.stars === count ? 0 : count }, count - 1));
      return button;
    });
    const reject = make('button', { type: 'button', class: 'plain reject', 'aria-pressed': mark.rejected, title: 'X' }, 'Reject');
    reject.addEventListener('click', () => put({ rejected: !mark.rejected }, 5));
    const note = make('textarea', { rows: 1, maxlength: 4000, placeholder: 'a note', 'aria-label': 'a note' });
    note.value = mark.note;
    note.addEventListener('change', () => ratings.mark(cell, { note: note.value }));
    note.addEventListener('keydown', (event) => event.stopPropagation());
    group.replaceChildren(make('span', { class: 'stars' }, ...stars), reject, note, ...othersSaid(ratings, cell));
  };
  const put = (change, focused) => {
    ratings.mark(cell, change);
    fill();
    group.querySelectorAll('button')[focused].focus();
  };
  fill();
  return group;
}

/** What other people say of a cell, a line each. */
function othersSaid(ratings, cell) {
  const marks = ratings.of(cell).filter((mark) => mark.rater !== ratings.rater.id && says(mark));
  return marks.map(({ rater, stars, rejected, note }) => make('p', { class: 'said' },
    make('bdi', {}, `${ratings.nameOf(rater)}: `), [stars ? '★'.repeat(stars) : '', rejected ? 'rejected' : ''].filter(Boolean).join(' '),
    ...(note ? [' ', make('bdi', {}, note)] : [])));
}

/** Which pairs a blind comparison shows: any two, or two that differ in one axis alone; the least sure, or drawn by a seed. */
function pairControls(book) {
  const axes = book.axes.map(({ title }, axis) => [axis, `that differ in ${title} alone`]).filter(([axis]) => book.axes[axis].labels.length > 2);
  const select = (words, options) => make('select', { 'aria-label': words }, ...options.map(([value, each]) => make('option', { value }, each)));
  const which = select('which pairs', [[NOWHERE, 'any two in view'], ...axes]);
  const how = select('in which order', [['sure', 'the least sure first'], ['random', 'at random']]);
  const seed = make('input', { type: 'number', min: 0, max: 4294967295, step: 1, value: 1, 'aria-label': 'seed', title: 'the same seed gives the same pairs', hidden: true });
  how.addEventListener('change', () => {
    seed.hidden = how.value !== 'random';
  });
  return {
    nodes: [make('span', { class: 'choice' }, which, how, seed)],
    /** @returns {PairChoice} */
    read: () => ({ axis: Number(which.value), seed: how.value === 'random' ? Number(seed.value) : null }),
  };
}

/**
 * The section below the grid: how much was said, by whom, out and in.
 * @param {object} book
 * @param {object} ratings
 * @param {{blind: (choice: PairChoice) => void, ranking: () => void}} does
 */
function createJudging(book, ratings, does) {
  const section = part('judging');
  const said = make('p', { role: 'status' });
  const name = make('input', { type: 'text', maxlength: 200, placeholder: 'your name', 'aria-label': 'your name, for whoever gets your file' });
  name.value = ratings.rater.name;
  name.addEventListener('change', () => ratings.call(name.value.trim()));
  const file = make('input', { type: 'file', accept: '.json,application/json', class: 'unseen', tabindex: -1 });
  const problem = make('p', { class: 'problem', role: 'alert' });
  const warning = make('p', { class: 'warning' });
  file.addEventListener('change', async () => {
    problem.textContent = file.files.length ? ratings.take(await file.files[0].text()) : '';
    file.value = '';
  });
  const button = (words, action) => {
    const element = make('button', { type: 'button', class: 'plain outlined' }, words);
    element.addEventListener('click', action);
    return element;
  };
  const pairs = pairControls(book);
  const blind = button('Compare blind', () => does.blind(pairs.read()));
  const alone = make('span', { id: 'judging-alone', class: 'quiet' });
  blind.setAttribute('aria-describedby', alone.id);
  part('judging-controls').replaceChildren(
    make('div', {}, blind, alone, ...pairs.nodes, button('Ranking', does.ranking)),
    make('div', {}, name, button('Export', () => offer('ratings.json', ratings.spelled(), 'application/json')),
      button('Import', () => file.click()), file),
  );
  part('judging-controls').after(said, warning, problem);
  section.hidden = false;
  return function update(scene) {
    const { marks, duels, people } = ratings.counts();
    blind.disabled = !hasRivals(book, scene);
    alone.textContent = blind.disabled ? NO_RIVALS : '';
    warning.textContent = ratings.refused();
    said.textContent = marks || duels
      ? `${counted(marks)} cell${marks === 1 ? '' : 's'} judged, ${counted(duels)} comparison${duels === 1 ? '' : 's'}, by ${people === 1 ? 'one person' : `${people} people`}${ratings.refused() ? '' : '; kept in this browser until you export them'}.`
      : 'Nothing is judged yet: 1 to 5 gives the cell with the focus stars, 0 takes them back, X rejects it; notes are in the viewer.';
  };
}

/** Offers text as a file to save. */
function offer(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = make('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
