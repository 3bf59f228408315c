// ---- ratings: what people think of cells, kept in this browser and merged with what was imported
//
// Of a person's marks of a cell the latest counts, a comparison counts once, people stay apart: so files, windows and
// what the run holds already merge in any order. See runner/ratings.

const RATINGS_FORMAT = 1;
const RATER_KEY = 'sweep-rater';
const NOT_KEPT = 'this browser keeps nothing for this page: export your ratings before you close it';

/**
 * @typedef {{rater: string, cell: string, stars: number, rejected: boolean, note: string, at: number}} Mark
 * @typedef {{rater: string, left: string, right: string, better: 'left'|'right'|'equal', at: number}} Duel
 */

/**
 * The ratings of one page.
 * @param {object} book
 * @param {() => void} changed called after every change, in this window or another
 * @param {(words: string) => void} warn called once when the browser keeps nothing
 */
function createRatings(book, changed, warn) {
  const key = `sweep-ratings-${book.plan}`;
  const length = book.digest(0)?.length ?? 16;
  const short = (cell) => cell.slice(0, length);
  let state = mergeRatings([openRatings(book.ratings, short), openRatings(readStored(key), short)]);
  const rater = ownRater();
  let refused = '';
  let latest = 0;

  /** The time, a little later than whatever was said before. */
  function now() {
    latest = Math.max(Date.now(), latest + 1);
    return latest;
  }

  /** Takes what other windows have said since. */
  function catchUp() {
    state = mergeRatings([state, openRatings(readStored(key), short)]);
    if (state.raters.has(rater.id)) state.raters.set(rater.id, rater.name);
  }

  function save() {
    catchUp();
    try {
      localStorage.setItem(key, JSON.stringify({ ...spell(state), withdrawn: [...state.withdrawn] }));
    } catch {
      if (!refused) warn(NOT_KEPT);
      refused = NOT_KEPT;
    }
    changed();
  }

  function spell({ raters, marks, duels }) {
    return {
      format: RATINGS_FORMAT,
      plan: book.plan,
      tool: book.tool,
      raters: Object.fromEntries(raters),
      marks: [...marks.values()],
      duels: [...duels.values()],
    };
  }

  const own = (cell) => state.marks.get(`${rater.id} ${cell}`);
  addEventListener('storage', (event) => {
    if (event.key !== key && event.key !== RATER_KEY) return;
    Object.assign(rater, ownRater());
    catchUp();
    changed();
  });

  return {
    rater,
    /** The reader's own mark of a cell. */
    own,
    /** Changes the reader's own mark of a cell. */
    mark(cell, change) {
      const before = own(cell) ?? { rater: rater.id, cell, stars: 0, rejected: false, note: '', at: 0 };
      const next = { ...before, ...change, at: Math.max(now(), before.at + 1) };
      state.marks.set(`${rater.id} ${cell}`, next);
      state.raters.set(rater.id, rater.name);
      save();
    },
    /** Keeps which of two the reader prefers; returns what takes it back. */
    duel(left, right, better) {
      const duel = { rater: rater.id, left, right, better, at: now() };
      state.duels.set(duelKey(duel), duel);
      state.raters.set(rater.id, rater.name);
      save();
      return () => {
        state.withdrawn.add(duelKey(duel)); // kept, as other windows still know the comparison
        save();
      };
    },
    /** Names the reader in what is exported. */
    call(name) {
      rater.name = name;
      state.raters.set(rater.id, name);
      try {
        localStorage.setItem(RATER_KEY, JSON.stringify(rater));
      } catch {
        // the name lives as long as the page
      }
      save();
    },
    /** Everybody's marks of a cell. @returns {Mark[]} */
    of: (cell) => marksByCell(state).get(cell) ?? [],
    /** What a person is called. */
    nameOf: (id) => state.raters.get(id) || 'someone',
    /** What to know where the browser keeps nothing, or nothing. */
    refused: () => refused,
    /** Everybody's marks. @returns {Mark[]} */
    marks: () => [...state.marks.values()],
    duels: () => [...state.duels.values()],
    counts: () => ({ marks: [...state.marks.values()].filter(says).length, duels: state.duels.size, people: state.raters.size }),
    spelled: () => JSON.stringify(spell(state), null, 1),
    /** Takes a file that a page has exported; returns what is wrong with it, or nothing. */
    take(text) {
      let said;
      try {
        said = JSON.parse(text);
      } catch {
        return 'this is no JSON file; take one that a page has exported';
      }
      if (said?.format !== RATINGS_FORMAT) return 'this is no file of ratings that this page reads; take one that a page has exported';
      if (said.plan !== book.plan) return 'this file judges the cells of another run; take it to the page of that run';
      state = mergeRatings([state, openRatings({ ...said, withdrawn: [] }, short)]);
      save();
      return '';
    },
  };
}

/** Whether a mark says anything, or only takes back what it said. */
function says({ stars, rejected, note }) {
  return Boolean(stars || rejected || note);
}

function readStored(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

/** The identity of whoever sits before this browser, drawn once. */
function ownRater() {
  const known = readStored(RATER_KEY);
  if (typeof known?.id === 'string' && typeof known.name === 'string') return known;
  const drawn = { id: Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join(''), name: '' };
  try {
    localStorage.setItem(RATER_KEY, JSON.stringify(drawn));
  } catch {
    // it is another one next time
  }
  return drawn;
}

/** Ratings as Maps; what is malformed is left out. */
function openRatings(said, short) {
  const marks = new Map();
  const duels = new Map();
  const list = (value) => (Array.isArray(value) ? value : []);
  for (const { rater, cell, stars = 0, rejected = false, note = '', at } of list(said?.marks)) {
    if (typeof rater !== 'string' || typeof cell !== 'string' || !Number.isInteger(at)) continue;
    const mark = { rater, cell: short(cell), stars: clamp(Number(stars) || 0, 0, 5), rejected: rejected === true, note: String(note), at };
    marks.set(`${rater} ${mark.cell}`, mark);
  }
  for (const { rater, left, right, better, at } of list(said?.duels)) {
    if (typeof left !== 'string' || typeof right !== 'string' || !Object.hasOwn(SHARES, better) || !Number.isInteger(at)) continue;
    const duel = { rater: String(rater), left: short(left), right: short(right), better, at };
    duels.set(duelKey(duel), duel);
  }
  const raters = new Map(Object.entries(said?.raters ?? {}).map(([id, name]) => [id, String(name)]));
  const withdrawn = new Set(list(said?.withdrawn).filter((spelled) => typeof spelled === 'string'));
  return { raters, marks, duels, withdrawn };
}

const SHARES = { left: 1, right: 0, equal: 0.5 };

function duelKey({ rater, left, right, better, at }) {
  return [rater, left, right, better, at].join(' ');
}

/** What several say together, the same whatever their order; a comparison that somebody took back is in none. */
function mergeRatings(several) {
  const merged = { raters: new Map(), marks: new Map(), duels: new Map(), withdrawn: new Set() };
  for (const { raters, marks, duels, withdrawn } of several) {
    for (const [id, name] of raters) if (name >= (merged.raters.get(id) ?? '')) merged.raters.set(id, name);
    for (const [key, mark] of marks) if (outranks(mark, merged.marks.get(key))) merged.marks.set(key, mark);
    for (const [key, duel] of duels) merged.duels.set(key, duel);
    for (const key of withdrawn) merged.withdrawn.add(key);
  }
  for (const key of merged.withdrawn) merged.duels.delete(key);
  return merged;
}

/** Whether a mark counts rather than another one of the same person and cell: the later, by the order of runner/ratings. */
function outranks(mark, other) {
  const name = other && ['at', 'stars', 'rejected', 'note'].find((each) => mark[each] !== other[each]);
  return !other || (name !== undefined && mark[name] > other[name]);
}

const markedCells = new WeakMap();

/** Marks by cell; collected when they are first asked for. */
function marksByCell(state) {
  if (!markedCells.has(state)) markedCells.set(state, Map.groupBy(state.marks.values(), ({ cell }) => cell));
  return markedCells.get(state);
}
