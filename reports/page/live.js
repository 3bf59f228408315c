// ---- live: the page of a run that goes on, where a server of this machine tells it what is new
//
// News say how a cell stands now, not what happened to it: hearing something twice changes nothing, and a page that was
// away is told what it missed. What the reader looks at stays where it is.

const REFRESH = { often: 400, seldom: 1500, many: 20000 }; // milliseconds between two refreshes, by number of tiles

/**
 * Follows the run when the page was served for that.
 * @param {object} book
 * @param {object} does
 * @param {(tiles: Set<number>) => void} does.renew called when the book says something new of some tiles
 * @param {() => void} does.ended called when nobody writes to the run any more, after it went on
 */
function followRun(book, { renew, ended }) {
  const address = document.documentElement.dataset.live;
  if (!address) return;
  const take = makeRenewable(book);
  const fresh = new Set();
  let waiting = 0;
  let busy = false;
  let ran = false;
  let heard = true;

  function refresh() {
    waiting = 0;
    if (fresh.size) {
      const tiles = new Set(fresh);
      fresh.clear();
      renew(tiles);
    }
    showTally(book);
    showStatus();
  }

  function soon() {
    waiting ||= setTimeout(refresh, book.count > REFRESH.many ? REFRESH.seldom : REFRESH.often);
  }

  function showStatus() {
    const done = `${counted(countCells(book)[0])} of ${counted(cellsOfBook(book).length)} cells made`;
    const head = busy ? 'Following this run' : ran ? 'The run has ended' : 'No process is writing to this run';
    const words = heard ? `${head}: ${done}.` : 'The server is not there. Trying again.';
    if (part('live-words').textContent !== words) part('live-words').textContent = words;
    part('live').dataset.state = !heard ? 'lost' : busy ? 'busy' : 'ended';
  }

  const source = new EventSource(address);
  const hear = (kind, then) => source.addEventListener(kind, ({ data }) => {
    heard = true;
    then(JSON.parse(data));
    soon();
  });
  hear('cells', (cells) => cells.forEach((cell) => take(cell).forEach((tile) => fresh.add(tile))));
  hear('status', (status) => {
    const before = busy;
    busy = status.busy;
    ran ||= busy;
    showNote(status.note);
    if (!before || busy) return;
    refresh();
    announce(part('live-words').textContent);
    ended();
  });
  hear('replan', () => location.reload());
  source.addEventListener('error', () => {
    heard = false;
    soon();
  });
  source.addEventListener('open', () => {
    heard = true;
    soon();
  });
}

/** Says that the run is not whole, and why, where the head of the page said so when it was drawn. */
function showNote(note) {
  for (const line of document.querySelectorAll('.notes .loud')) {
    line.textContent = note;
    line.hidden = !note;
  }
}

/** Makes a book take news of a cell: returns a function that takes it and returns the tiles that it is about. */
function makeRenewable(book) {
  const news = new Map();
  const { fact, flags, pictureCount, picture, answer, frame } = book;
  const told = (tile, name, otherwise) => {
    const facts = news.get(tile)?.facts;
    return facts?.has(name) ? facts.get(name) : otherwise();
  };
  Object.assign(book, {
    fact: (tile, name) => told(tile, name, () => fact(tile, name)),
    flags: (tile) => (news.has(tile) ? news.get(tile).facts.get('flags') ?? [] : flags(tile)),
    pictureCount: (tile) => news.get(tile)?.pictures.length ?? pictureCount(tile),
    picture: (tile, position) => news.get(tile)?.pictures[position] ?? picture(tile, position),
    frame: (tile, position) => (news.has(tile) ? -1 : frame(tile, position)),
    answer: {
      ...answer,
      has: (tile, name) => news.get(tile)?.answer.has(name) ?? answer.has(tile, name),
      get: (tile, name) => (news.has(tile) ? news.get(tile).answer.get(name) : answer.get(tile, name)),
      entries: (tile) => (news.has(tile) ? [...news.get(tile).answer].sort(([a], [b]) => compare(a, b)) : answer.entries(tile)),
    },
  });
  Object.defineProperty(book, 'shares', { get: () => countShares(book) });
  const tiles = tilesByCell(book);
  const letters = book.count ? book.digest(0).length : 0;
  return ({ cell, facts, answer: said, pictures }) => {
    const renewed = tiles.get(cell.slice(0, letters)) ?? [];
    const known = { facts: new Map(Object.entries(facts)), answer: new Map(Object.entries(said)), pictures: pictures.map(openNews) };
    for (const tile of renewed) {
      news.set(tile, known);
      book.states[tile] = STATES.indexOf(facts.state);
      const [first] = known.pictures;
      if (!first) continue;
      const longer = Math.max(first.width, first.height);
      book.aspects[0][tile] = first.width / longer;
      book.aspects[1][tile] = first.height / longer;
    }
    renewNumbers(book, renewed);
    return renewed;
  };
}

/** @returns {Picture} */
function openNews([digest, width, height, size, format]) {
  const place = `${digest.slice(0, 2)}/${digest}`;
  const file = `images/${place}.${format}`;
  return { file, original: `../${file}`, thumbnail: `../thumbnails/${place}.webp`, small: false, width, height, size };
}

function tilesByCell(book) {
  const tiles = new Map();
  for (let tile = 0; tile < book.count; tile += 1) {
    const cell = book.digest(tile);
    if (tiles.has(cell)) tiles.get(cell).push(tile);
    else tiles.set(cell, [tile]);
  }
  return tiles;
}

const firstTiles = new WeakMap();

/** The first tile of each cell. */
function cellsOfBook(book) {
  if (!firstTiles.has(book)) firstTiles.set(book, [...tilesByCell(book).values()].map(([first]) => first));
  return firstTiles.get(book);
}

/** Number of cells by state, in the order of `STATES`. */
function countCells(book) {
  const counts = STATES.map(() => 0);
  for (const tile of cellsOfBook(book)) counts[book.states[tile]] += 1;
  return counts;
}

/** Brings the head's counts in line with the book. */
function showTally(book) {
  const counts = countCells(book);
  for (const chip of document.querySelectorAll('.tally [data-state]')) {
    const count = counts[STATES.indexOf(chip.dataset.state)];
    chip.querySelector('strong').textContent = counted(count);
    chip.hidden = count === 0 && chip.getAttribute('aria-pressed') !== 'true';
  }
}

/** How the tiles of each point of each axis stand, as the page's own data says it of a run at rest. */
function countShares(book) {
  return book.axes.flatMap(({ name, labels, digits }) => {
    const shares = labels.map((label) => ({ axis: name, label, count: 0, times: [], ...Object.fromEntries(STATES.map((state) => [state, 0])) }));
    for (let tile = 0; tile < book.count; tile += 1) {
      const share = shares[digits[tile]];
      const time = book.fact(tile, 'milliseconds');
      share.count += 1;
      share[STATES[book.states[tile]]] += 1;
      if (book.states[tile] === 0 && time !== null) share.times.push(time / 1000);
    }
    return shares.slice(1).filter(({ count }) => count).map(({ times, ...share }) => {
      times.sort((a, b) => a - b);
      return { ...share, p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
    });
  });
}

/** The value below which a share of sorted numbers lies, between two of them in proportion; null where there is none. */
function quantile(sorted, share) {
  if (!sorted.length) return null;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}
