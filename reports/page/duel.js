// ---- duel: two pictures, nothing said about them: which is better

const MOST_FIGHTERS = 400;
const RANKED_SHOWN = 40;

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
  let pair = null;
  let fighters = [];
  let takeBack = [];

  function fight() {
    fighters = fightersOf(book, scene());
    takeBack = [];
    show();
    dialog.focus();
    next();
  }

  function show() {
    dialog.replaceChildren(bar, stage);
    if (!dialog.open) dialog.showModal();
  }

  function next() {
    pair = fighters.length > 1 ? leastSure(fighters, ratings.duels(), pair) : null;
    bar.replaceChildren(...tools('Which is better?'));
    if (!pair) {
      stage.replaceChildren(make('p', { class: 'compare-nothing' }, 'There are no two different pictures in view.'));
      return;
    }
    stage.className = 'stage-side';
    stage.replaceChildren(...pair.map((cell, side) => {
      const button = make('button', { type: 'button', class: 'fighter', 'aria-label': side ? 'the right one' : 'the left one' });
      const image = make('img', { alt: side ? 'right picture' : 'left picture', draggable: 'false' });
      image.src = book.picture(tileOf(book, cell), 0).original;
      button.append(image);
      button.addEventListener('click', () => decide(side ? 'right' : 'left'));
      return button;
    }));
  }

  function decide(better) {
    if (!pair) return;
    takeBack.push(ratings.duel(pair[0], pair[1], better));
    next();
  }

  function undo() {
    takeBack.pop()?.();
    next();
  }

  function tools(words) {
    const button = (label, key, action) => {
      const element = make('button', { type: 'button', class: 'plain', title: key }, label);
      element.addEventListener('click', action);
      return element;
    };
    return [
      make('strong', {}, words),
      ...(pair ? [button('← left', '←', () => decide('left')), button('equal', 'Space', () => decide('equal')), button('right →', '→', () => decide('right'))] : []),
      button('Undo', 'U', undo),
      button('Ranking', 'R', ranking),
      make('span', { class: 'quiet' }, `${counted(ratings.duels().length)} compared`),
      button('Close', 'Esc', () => dialog.close()),
    ];
  }

  function ranking() {
    pair = null;
    show();
    dialog.focus();
    const again = make('button', { type: 'button', class: 'plain' }, 'Compare blind');
    again.addEventListener('click', fight);
    bar.replaceChildren(make('strong', {}, 'Ranking'), again, ...tools('').slice(-1));
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

/** Cells in view that have a picture, each picture once; a sample where there are too many to rank. */
function fightersOf(book, { arrangement, view }) {
  const byPicture = new Map();
  for (const tiles of arrangement.cells.values()) {
    for (const tile of tiles) {
      if (book.pictureCount(tile) && passes(book, view, tile)) byPicture.set(book.picture(tile, 0).original, book.digest(tile));
    }
  }
  const cells = [...byPicture.values()];
  for (let place = cells.length - 1; place > 0; place -= 1) {
    const other = Math.floor(Math.random() * (place + 1));
    [cells[place], cells[other]] = [cells[other], cells[place]];
  }
  return cells.slice(0, MOST_FIGHTERS);
}

/** Two cells about which a comparison tells most: seldom compared, and alike in strength; in a random order. */
function leastSure(fighters, duels, before) {
  const known = new Map(rankNames(duels.map(({ left, right, better }) => [left, right, SHARES[better]]), { intervals: false }).map((item) => [item.name, item]));
  const count = (cell) => known.get(cell)?.duels ?? 0;
  const strength = (cell) => known.get(cell)?.strength ?? 0;
  const [first] = fighters.toSorted((a, b) => count(a) - count(b));
  const met = new Map();
  for (const { left, right } of duels) {
    if (left === first || right === first) met.set(left === first ? right : left, (met.get(left === first ? right : left) ?? 0) + 1);
  }
  const cost = (cell) => Math.abs(strength(cell) - strength(first)) + 0.2 * count(cell) + 3 * (met.get(cell) ?? 0);
  const others = fighters.filter((cell) => cell !== first && !(before?.includes(first) && before.includes(cell) && fighters.length > 2));
  const [second] = others.toSorted((a, b) => cost(a) - cost(b));
  return Math.random() < 0.5 ? [first, second] : [second, first];
}

/** The ranking of cells, and of the points of each axis that comparisons cross. */
function rankings(book, duels, open, dialog) {
  const told = duels.map(({ left, right, better }) => [left, right, SHARES[better]]).filter(([left]) => tileOf(book, left) >= 0);
  const tables = book.axes.flatMap((axis) => {
    const label = (cell) => axis.labels[axis.digits[tileOf(book, cell)]];
    const crossing = told.filter(([left, right]) => tileOf(book, right) >= 0 && label(left) !== label(right));
    return crossing.length ? [rankingTable(axis.title, rankNames(crossing.map(([left, right, share]) => [label(left), label(right), share])), labelText)] : [];
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
  return [make('p', { class: 'quiet' }, scale), ...tables, rankingTable(cells.length > RANKED_SHOWN ? `cells, the best ${RANKED_SHOWN} of ${counted(cells.length)}` : 'cells', cells.slice(0, RANKED_SHOWN), picture)];
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
