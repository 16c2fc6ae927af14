// Asks for the numbers twice a second and shows them: tiles, plots and a table.
const body = document.body, status = document.getElementById('status');
window.addEventListener('error', event => { body.dataset.errors += event.message + '; '; });
window.addEventListener('unhandledrejection', event => { body.dataset.errors += event.reason + '; '; });

const k_period = 500, k_patience = 2000, k_span = 60;

// A rate, since the sample before; null: there is none, or the server was started anew.
const rate = of => s => {
  const before = s.before;
  if (!before || s.seconds <= before.seconds || of(s) < of(before)) return null;
  return (of(s) - of(before)) / (s.seconds - before.seconds);
};
const stat = name => s => s.stats ? s.stats[name] : null;
const statRate = name => rate(s => s.stats[name]);
const operation = name => rate(s => s.operations[name]);
const sum = rates => s => rates.reduce((all, one) => all === null || one(s) === null ? null : all + one(s), 0);
const kinds = ['transfers', 'hot_updates', 'events', 'reads', 'scans'];
const flush = name => s => s.flush && s.flush.count > 0 ? s.flush[name] : null;

const tiles = [
  ['operations', 'rate', sum(kinds.map(operation))],
  ['commits', 'rate', statRate('commits')],
  ['retries / commit', 'percent', s => {
    const commits = statRate('commits')(s);
    return commits ? 100 * statRate('retries')(s) / commits : null;
  }],
  ['live keys', 'count', stat('keys')],
  ['memory', 'bytes', stat('memory_bytes')],
  ['median flush', 'seconds', flush('median_seconds')],
  ['running', 'duration', s => s.seconds],
].map(([name, format, of]) => {
  const tile = element(document.getElementById('tiles'), 'div', {class: 'tile'});
  const value = element(tile, 'b', {}, '–');
  element(tile, 'span', {}, name);
  return {format, of, value};
});

const plots = [
  ['Operations', 'rate', [
    {name: 'transfers', of: operation('transfers')}, {name: 'hot keys', of: operation('hot_updates')},
    {name: 'events', of: operation('events')}, {name: 'reads', of: operation('reads')},
    {name: 'scans', of: operation('scans')}]],
  ['Conflicts', 'rate', [{name: 'conflicts', of: statRate('conflicts')}, {name: 'retries', of: statRate('retries'), dashed: true}]],
  ['Versions', 'count', [
    {name: 'keys', of: stat('keys')}, {name: 'versions', of: stat('versions')},
    {name: 'pinned', of: stat('pinned_versions')}]],
  ['Oldest snapshot', 'count', [{name: 'commits since', of: stat('oldest_snapshot_age')}]],
  ['Memory', 'bytes', [{name: 'memory', of: stat('memory_bytes')}]],
  ['Freed', 'rate', [
    {name: 'versions', of: statRate('vacuumed_versions')}, {name: 'entries', of: statRate('vacuumed_entries')},
    {name: 'expired keys', of: statRate('expirations')}]],
  ['Log', 'byteRate', [{name: 'written', of: statRate('log_bytes')}]],
  ['Sync of the log, as flush() waits for it', 'seconds', [
    {name: 'median', of: flush('median_seconds')}, {name: 'longest of 16', of: flush('longest_seconds')}]],
  ['Syncs of the log', 'rate', [{name: 'syncs', of: statRate('log_syncs')}]],
].map(([title, format, series]) => new Plot(document.getElementById('plots'), title, format, series, k_span));

let samples = [], lastAnswer = null;

function keep(sample) {
  samples.push(sample);
  samples = samples.filter(s => s.time >= sample.time - k_span);
  samples[0].before = null;  // or no sample would ever be freed
}
function take(answer) {
  const time = performance.now() / 1000;
  const last = samples[samples.length - 1];
  const sample = {...answer, time, before: last && last.stats ? last : null};
  keep(sample);
  if (sample.before && sample.stats.commits > sample.before.stats.commits) body.dataset.moved = Number(body.dataset.moved) + 1;
  body.dataset.samples = Number(body.dataset.samples) + 1;
  lastAnswer = time;
}
function takeNothing() {  // a gap in the plots
  if (samples.length > 0) keep({stats: null, flush: null, time: performance.now() / 1000, before: null});
}

function show() {
  const now = performance.now() / 1000, last = samples[samples.length - 1];
  for (const plot of plots) plot.show(samples, now);
  if (body.dataset.state !== 'live') return;
  for (const tile of tiles) {
    const value = tile.of(last);
    tile.value.replaceChildren();
    if (value === null) {
      tile.value.append('–');
      continue;
    }
    const [number, unit] = formats[tile.format](value);
    tile.value.append(number);
    if (unit !== '') element(tile.value, 'small', {}, unit);
  }
  const rows = document.querySelector('#all tbody');
  if (!document.getElementById('all').open) return;
  rows.replaceChildren();
  for (const name in last.stats) {
    const row = element(rows, 'tr');
    element(row, 'td', {}, name);
    element(row, 'td', {}, last.stats[name].toLocaleString('en'));
  }
}

async function poll() {
  const patience = new AbortController(), timer = setTimeout(() => patience.abort(), k_patience);
  try {
    const response = await fetch('/stats.json', {signal: patience.signal, cache: 'no-store'});
    if (!response.ok) throw new Error(`status ${response.status}`);
    take(await response.json());
    body.dataset.state = 'live';
    status.textContent = samples[samples.length - 1].wrong === 0 ? 'live' : 'live, but a sum was wrong';
  } catch (error) {
    takeNothing();
    body.dataset.state = 'disconnected';
    const since = lastAnswer === null ? '' : `, last answer ${Math.round(performance.now() / 1000 - lastAnswer)} s ago`;
    status.textContent = 'disconnected' + since;
  } finally {
    clearTimeout(timer);
  }
  show();
  setTimeout(poll, k_period);
}
document.getElementById('all').addEventListener('toggle', show);
poll();
