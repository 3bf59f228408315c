// ---- main: one view at a time; every change goes through `change`, and the address always says what is shown

const REST = 200; // milliseconds

function start() {
  wireTheme();
  const book = openBook(JSON.parse(part('data').textContent));
  const scroller = part('page');
  let scene = null;
  let openedHere = false;
  let resting = 0;

  const ratings = createRatings(book, () => rated(), (words) => announce(words));
  const rated = onceAFrame(() => {
    updateJudging?.(scene);
    grid.show(scene);
  });
  const grid = createGrid(book, {
    open: (row, column, frame) => viewer.open(row, column, frame),
    pin: (frame) => change((view) => togglePin(book, view, frame), 'push'),
    judge: (key, tile) => ratings.mark(book.digest(tile), judgingKey(key, ratings.own(book.digest(tile)))),
  }, ratings);
  const viewer = createViewer(book, {
    scene: () => scene,
    ratings,
    change: (next, how) => {
      openedHere = false; // going back would undo it
      change(next, how);
    },
    compare: () => {
      viewer.close();
      compare();
    },
    moved: (row, column, tile) => {
      grid.go(row, column, { focus: false });
      const how = scene.view.cell ? 'replace' : 'push';
      openedHere ||= how === 'push';
      adopt({ ...scene.view, cell: book.digest(tile) }, how);
    },
    closed: () => {
      grid.focus();
      if (scene.view.cell) {
        clearTimeout(resting);
        if (openedHere) history.back();
        else adopt({ ...scene.view, cell: '' }, 'replace');
      }
      openedHere = false;
    },
  });
  const comparison = createCompare(book, {
    view: () => scene.view,
    change,
    closed: () => {
      grid.focus();
      change((view) => ({ ...view, compare: '', along: null, pair: '' }), 'push');
    },
  });
  const duel = createDuel(book, ratings, () => scene, (cell) => {
    const found = findCell(book, scene, cell);
    if (found) viewer.open(found.row, found.column);
    else announce('this cell is not on the grid as it stands');
  });
  const updateJudging = book.plan && book.count ? createJudging(book, ratings, { blind: duel.fight, ranking: duel.ranking }) : null;
  const updateTray = createTray(book, change);
  const cycle = createCycle(book, () => scene.view, change);
  const values = createValues(book, () => scene.view, change);
  const updateControls = createControls(book, change, cycle, values);
  const updateFigures = createFigures(book, change);
  const updateFold = createFold(book);
  const updatePlots = createPlots(book, scroller, change);
  wireKeys(book);
  onKey('c', compare);
  onKey('a', cycle.toggle);
  if (book.baseline.size) onKey('v', () => change((view) => ({ ...view, versus: !view.versus }), 'push'));
  wireSaving(book, ratings, () => scene);

  /** Has what is pinned compared; the viewer makes room for it. */
  function compare() {
    change((view) => ({ ...view, compare: 'side', along: null, cell: '' }), 'push');
  }

  /** Replaces the view and says so in the address. */
  function change(next, how) {
    const view = next(scene.view);
    if (sameGrid(view, scene.view)) scene = { ...scene, view };
    else show(view);
    updatePlots(view);
    updateTray(view);
    comparison.update(view);
    record(view, how);
  }

  /** Takes a view that looks the same on the grid. */
  function adopt(view, how) {
    scene = { ...scene, view };
    record(view, how);
  }

  /** A step that Back should undo is recorded at once; a drag or a walk once it rests, as browsers limit the pace. */
  function record(view, how) {
    clearTimeout(resting);
    const address = spellView(book, view);
    if (address === location.hash) return;
    if (how === 'push') history.pushState(null, '', address);
    else resting = setTimeout(() => history.replaceState(null, '', address), REST);
  }

  /** The window in which the grid is seen. */
  function room() {
    return { width: scroller.clientWidth, height: scroller.clientHeight };
  }

  function show(view) {
    const before = scene;
    const anchor = before && sameRoles(before.view, view) ? grid.anchor() : null;
    scene = sceneOf(book, view, room());
    updateControls(scene);
    updateFigures(scene);
    values.update(view);
    updateFold(view);
    updateJudging?.(scene);
    showNothing(book, scene, change);
    grid.show(scene);
    if (anchor) grid.restore(anchor);
    else if (before) toBoard();
    grid.render();
  }

  /** Shows what became of some tiles while the run goes on; the reader's place, an open viewer and the focus stay. */
  function renew(tiles) {
    const next = sceneOf(book, scene.view, room());
    const stays = sameLanes(next, scene);
    if (stays) {
      scene = next;
      grid.renew(scene, tiles);
      updateJudging?.(scene);
    } else show(scene.view);
    viewer.renew(tiles, !stays && scene.view.cell ? findCell(book, scene, scene.view.cell) : null);
  }

  /** After a change of axes the grid starts at its upper left, and the head of the page stays as far away as it was. */
  function toBoard() {
    const top = part('board').offsetTop - part('bar').offsetHeight;
    scroller.scrollTo({ left: 0, top: Math.min(scroller.scrollTop, Math.max(0, top)), behavior: 'instant' });
  }

  /** Shows what the address says, after Back, Forward or a link. */
  function follow() {
    clearTimeout(resting);
    const view = readView(book, location.hash);
    if (!scene || spellView(book, { ...scene.view, cell: '' }) !== spellView(book, { ...view, cell: '' })) show(view);
    else scene = { ...scene, view };
    updatePlots(view);
    updateTray(view);
    comparison.update(view);
    const place = view.cell ? findCell(book, scene, view.cell) : null;
    if (place) viewer.open(place.row, place.column);
    else {
      scene = { ...scene, view: { ...view, cell: '' } };
      viewer.close();
    }
  }

  part('bar').dataset.ready = '';
  new ResizeObserver(() => {
    document.documentElement.style.setProperty('--bar', `${stickyBar().offsetHeight}px`);
  }).observe(part('bar'));
  follow();
  createSummary(book, scroller);
  const restage = onceAFrame(() => show(scene.view));
  let width = scroller.clientWidth;
  new ResizeObserver(() => {
    if (scroller.clientWidth !== width) restage();
    else grid.render();
    width = scroller.clientWidth;
  }).observe(scroller);
  addEventListener('popstate', follow);
  followRun(book, { renew, ended: () => createSummary(book, scroller) });
}

/** The part of the controls that stays at the window's upper edge. */
function stickyBar() {
  return getComputedStyle(part('bar')).display === 'contents' ? part('held') : part('bar');
}

/** Where a tile with this digest lies on the grid. */
function findCell(book, { arrangement }, digest) {
  for (const [key, tiles] of arrangement.cells) {
    if (tiles.some((tile) => book.digest(tile) === digest)) {
      const columns = arrangement.columns.length;
      return { row: Math.floor(key / columns), column: key % columns };
    }
  }
  return null;
}

start();
