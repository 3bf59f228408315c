// ---- duel: two pictures, nothing said about them: which is better

const RANKED_SHOWN = 40;

/**
 * Which pairs the reader wants.
 * @typedef {object} PairChoice
 * @property {number} axis the one in which the two differ, or NOWHERE for any two
 * @property {number|null} seed draws them at random; null takes those about which least is sure
 */

/**
 * The dialog for blind comparisons, and the ranking that they give.
 * @param {object} book
 * @param {object} ratings
 * @param {() => Scene} scene
 * @param {(digest: string) => void} open shows a cell
 */
function createDuel(book, ratings, scene, open) {
  const dialog = part('duel');
  const stage = make('div', { id: 'duel-stage' });
  const bar = make('div', { id: 'duel-bar' });
  const compared = make('span', { class: 'quiet', role: 'status' });
  let choice = { axis: NOWHERE, seed: null };
  let random = Math.random;
  let rivals = new Map();
  let pair = null;
  let answers = [];
  let waiting = [];

  function fight(chosen = choice) {
    choice = chosen;
    random = choice.seed === null ? Math.random : seeded(choice.seed);
    rivals = rivalsOf(book, fightersOf(book, scene(), random), choice.axis);
    [answers, waiting, pair] = [[], [], null];
    bar.replaceChildren(make('strong', {}, 'Which is better?'), ...tools([
      ['← first', '←', () => decide('left')], ['equal', 'Space', () => decide('equal')], ['second →', '→', () => decide('right')],
      ['Undo', 'U', undo], ['Ranking', 'R', ranking]]), compared, ...tools([['Close', 'Esc', () => dialog.close()]]));
    show();
    dialog.focus(); // on a button, space would press it
    next();
  }

  function show() {
    dialog.replaceChildren(bar, stage);
    if (!dialog.open) dialog.showModal();
  }

  function next() {
    const choose = () => (choice.seed === null ? leastSure(rivals, ratings.duels(), pair, random) : atRandom(rivals, random));
    pair = waiting.pop() ?? choose();
    compared.textContent = `${counted(ratings.duels().length)} compared`;
    stage.className = 'stage-side';
    stage.replaceChildren(...(pair ? pair.map(fighter) : [make('p', { class: 'compare-nothing' }, nobody())]));
    if (!bar.contains(document.activeElement)) dialog.focus();
  }

  function fighter(cell, side) {
    const button = make('button', { type: 'button', class: 'fighter', 'aria-label': side ? 'the second' : 'the first' });
    const image = make('img', { alt: side ? 'second picture' : 'first picture', draggable: 'false' });
    image.src = book.picture(tileOf(book, cell), 0).original;
    button.append(image);
    button.addEventListener('click', () => decide(side ? 'right' : 'left'));
    return button;
  }

  function nobody() {
    return choice.axis === NOWHERE ? NO_RIVALS : 'No two pictures in view differ in this axis alone.';
  }

  function decide(better) {
    if (!pair) return;
    answers.push({ pair, takeBack: ratings.duel(pair[0], pair[1], better) });
    next();
  }

  /** Takes the last answer back and asks again. */
  function undo() {
    const last = answers.pop();
    if (!last) return;
    last.takeBack();
    if (pair) waiting.push(pair);
    waiting.push(last.pair);
    next();
  }

  function ranking() {
    pair = null;
    bar.replaceChildren(make('strong', {}, 'Ranking'), ...tools([['Compare blind', '', () => fight()], ['Close', 'Esc', () => dialog.close()]]));
    show();
    dialog.focus();
    stage.className = 'stage-ranking';
    const duels = ratings.duels();
    stage.replaceChildren(...(duels.length ? rankings(book, duels, open, dialog) : [make('p', { class: 'compare-nothing' }, 'Nothing was compared yet.')]));
  }

  dialog.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { ArrowLeft: () => decide('left'), ArrowRight: () => decide('right'), ' ': () => decide('equal'), u: undo, r: ranking };
    if (!Object.hasOwn(keys, event.key) || (event.key === ' ' && event.target.closest('button') && !event.target.closest('.fighter'))) return;
    event.preventDefault();
    keys[event.key]();
  });
  return { fight, ranking };
}

function tools(list) {
  return list.map(([words, key, action]) => {
    const button = make('button', { type: 'button', class: 'plain', title: key }, words);
    button.addEventListener('click', action);
    return button;
  });
}

/** The ranking of cells, and of the points of each axis that comparisons cross. */
function rankings(book, duels, open, dialog) {
  const told = duels.map(({ left, right, better }) => [left, right, SHARES[better]]).filter(([left]) => tileOf(book, left) >= 0);
  const tables = book.axes.flatMap((axis) => {
    const label = (cell) => axis.labels[axis.digits[tileOf(book, cell)]];
    const crossing = told.filter(([left, right]) => tileOf(book, right) >= 0 && label(left) !== label(right));
    return crossing.length ? [bestTable(axis.title, rankNames(crossing.map(([left, right, share]) => [label(left), label(right), share])), labelText)] : [];
  });
  const cells = rankNames(told.filter(([, right]) => tileOf(book, right) >= 0));
  const picture = (cell) => {
    const button = make('button', { type: 'button', class: 'tray-item' },
      frameNode(book, { tile: tileOf(book, cell), position: 0 }, { longer: 44, width: 44, height: 44 }),
      make('span', { class: 'label-text' }, ...breakable(book.title(tileOf(book, cell)))));
    button.addEventListener('click', () => {
      dialog.close();
      open(cell);
    });
    return button;
  };
  const scale = 'Strength is in log odds against the mean: 1 more wins 73 times in 100. Bradley–Terry; a draw is half a win for each.';
  return [make('p', { class: 'quiet' }, scale), ...tables, bestTable('cells', cells, picture)];
}

/** The head of a ranking as a table. */
function bestTable(title, ranked, shown) {
  const words = ranked.length > RANKED_SHOWN ? `${title}, the best ${RANKED_SHOWN} of ${counted(ranked.length)}` : title;
  return rankingTable(words, ranked.slice(0, RANKED_SHOWN), shown);
}

/** One ranking as a table with intervals drawn on one scale. */
function rankingTable(title, ranked, shown) {
  const reach = Math.max(1, ...ranked.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]));
  const at = (value) => 50 + (50 * value) / reach;
  const rows = ranked.map((item) => make('tr', {},
    make('th', { scope: 'row' }, shown(item.name)),
    make('td', { class: 'number' }, item.strength.toFixed(2)),
    make('td', { class: 'number quiet' }, `${item.low.toFixed(2)} to ${item.high.toFixed(2)}`),
    make('td', { class: 'number quiet' }, String(item.duels)),
    make('td', { class: 'interval' }, draw('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      draw('line', { class: 'grid-line', x1: 50, x2: 50, y1: 0, y2: 10 }),
      draw('line', { class: 'time-range', x1: at(item.low), x2: at(item.high), y1: 5, y2: 5 }),
      draw('line', { class: 'time-point', x1: at(item.strength) - 0.7, x2: at(item.strength) + 0.7, y1: 5, y2: 5 })))));
  const head = ['', 'strength', '95% interval', 'comparisons', ''].map((words) => make('th', { scope: 'col' }, words));
  return make('div', { class: 'table-frame' }, make('h2', {}, title),
    make('table', { class: 'ranking' }, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)));
}
