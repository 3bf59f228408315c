// ---- lens: zoom and pan, the same for every picture on a stage

const CLOSEST = 32;
const PAN_STEP = 0.08;

/**
 * Lets the reader zoom and pan what lies in the panes of a stage. The stage's custom properties --scale, --x and --y
 * (shares of a pane) say where; every pane follows them, so that the same place shows in each.
 * @param {HTMLElement} stage whose elements of class `pane` hold pictures
 */
function createLens(stage) {
  const at = { scale: 1, x: 0, y: 0 };
  const pointers = new Map();

  function apply() {
    for (const side of ['x', 'y']) at[side] = clamp(at[side], 1 - at.scale, 0);
    for (const name of ['scale', 'x', 'y']) stage.style.setProperty(`--${name}`, at[name]);
    stage.classList.toggle('zoomed', at.scale > 1);
    stage.classList.toggle('close', at.scale >= 4);
  }

  /** Zooms by a factor and keeps a place (shares of a pane) where it is. */
  function zoom(factor, px = 0.5, py = 0.5) {
    const scale = clamp(at.scale * factor, 1, CLOSEST);
    at.x = px - (px - at.x) * (scale / at.scale);
    at.y = py - (py - at.y) * (scale / at.scale);
    at.scale = scale;
    apply();
  }

  function pan(dx, dy) {
    at.x += dx;
    at.y += dy;
    apply();
  }

  function reset() {
    Object.assign(at, { scale: 1, x: 0, y: 0 });
    apply();
  }

  const within = (pane, { clientX, clientY }) => {
    const box = pane.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };

  stage.addEventListener('wheel', (event) => {
    const pane = event.target.closest('.pane');
    if (!pane) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...within(pane, event));
  }, { passive: false });
  stage.addEventListener('pointerdown', (event) => {
    const pane = event.target.closest('.pane');
    if (!pane || event.target.closest('input, button')) return;
    event.preventDefault();
    pane.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
  });
  stage.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    const pane = event.target.closest('.pane');
    if (!before || !pane) return;
    const box = pane.getBoundingClientRect();
    const [other] = [...pointers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
    const distance = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (other) zoom(distance(event, other) / Math.max(1, distance(before, other)), ...within(pane, event));
    else pan((event.clientX - before.clientX) / box.width, (event.clientY - before.clientY) / box.height);
    pointers.set(event.pointerId, event);
  });
  for (const over of ['pointerup', 'pointercancel']) {
    stage.addEventListener(over, ({ pointerId }) => pointers.delete(pointerId));
  }
  stage.addEventListener('dblclick', (event) => {
    const pane = event.target.closest('.pane');
    if (pane) at.scale > 1 ? reset() : zoom(4, ...within(pane, event));
  });
  apply();

  /** Does what a key asks; returns whether it means anything here: a whole picture cannot be panned. */
  function press(key) {
    if (key.startsWith('Arrow') && at.scale === 1) return false;
    const moves = {
      '+': () => zoom(1.4),
      '=': () => zoom(1.4),
      '-': () => zoom(1 / 1.4),
      0: reset,
      ArrowLeft: () => pan(PAN_STEP, 0),
      ArrowRight: () => pan(-PAN_STEP, 0),
      ArrowUp: () => pan(0, PAN_STEP),
      ArrowDown: () => pan(0, -PAN_STEP),
    };
    if (!Object.hasOwn(moves, key)) return false;
    moves[key]();
    return true;
  }
  return { press, reset };
}
