'use strict';
// Numbers with units, and plots of the last minute as SVG.

// In the unit that suits `like`.
function scaled(value, like, base, units) {
  let step = 0;
  while (step + 1 < units.length && Math.abs(like) >= base * 0.9995) { like /= base; value /= base; ++step; }
  const digits = Math.abs(value) >= 99.95 || Number.isInteger(value) ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return [value.toFixed(digits), units[step]];
}
// Each gives [number, unit].
const formats = {
  count: (v, like = v) => scaled(v, like, 1000, ['', 'k', 'M', 'G', 'T']),
  rate: (v, like = v) => scaled(v, like, 1000, ['/s', 'k/s', 'M/s', 'G/s']),
  bytes: (v, like = v) => scaled(v, like, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']),
  byteRate: (v, like = v) => scaled(v, like, 1024, ['B/s', 'KiB/s', 'MiB/s', 'GiB/s']),
  seconds: (v, like = v) => scaled(v * 1e6, like * 1e6, 1000, ['µs', 'ms', 's']),
  duration: v => v < 60 ? [v.toFixed(0), 's'] : [`${Math.floor(v / 60)}:${String(Math.floor(v % 60)).padStart(2, '0')}`, 'min'],
  percent: v => [v.toFixed(v >= 10 ? 0 : 1), '%'],
};
function write(value, format, like = value) {
  if (value === null || value === undefined) return '–';
  const [number, unit] = formats[format](value, like);
  return unit === '' ? number : number + '\u202f' + unit;
}

function element(parent, name, attributes = {}, text = '') {
  const svg = ['svg', 'path', 'line', 'text', 'g', 'circle'].includes(name);
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== '') made.textContent = text;
  parent.append(made);
  return made;
}

// Three or four steps from 0 to at least `most`: 1, 2, 2.5 or 5 of a power of the base.
function ticks(most, format) {
  most = Math.max(most, format === 'seconds' ? 1e-5 : 10);
  const binary = format.startsWith('byte');
  let unit = 1;
  if (binary) while (most / unit >= 1024) unit *= 1024;
  const rough = most / unit / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find(f => f * power >= rough * 0.999);
  const step = factor * power * unit;
  const all = [];
  for (let i = 0; i === 0 || all[i - 1] < most; ++i) all.push(i * step);
  return all;
}

class Plot {
  // series: [{name, of(sample) -> number or null, dashed: where it may lie on another}]
  constructor(parent, title, format, series, span) {
    this.format = format;
    this.series = series;
    this.span = span;  // seconds shown
    this.samples = [];
    const card = element(parent, 'article', {class: 'plot'});
    element(card, 'h2', {}, title);
    const legend = element(card, 'div', {class: 'legend'});
    series.forEach((one, i) => {
      one.color = `var(--c${i + 1})`;
      const entry = element(legend, 'span');
      element(entry, 'i', {style: `background:${one.color}`});
      entry.append(one.name);
      one.value = element(entry, 'b', {}, '–');
    });
    this.svg = element(card, 'svg', {role: 'img', 'aria-label': `${title}, the last ${span} seconds`});
    this.svg.addEventListener('pointermove', event => {
      this.pointer = event.clientX - this.svg.getBoundingClientRect().left;
      this.draw();
    });
    this.svg.addEventListener('pointerleave', () => { this.pointer = null; this.draw(); });
    this.pointer = null;
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  show(samples, now) {
    this.samples = samples;
    this.now = now;
    this.draw();
  }

  draw() {
    const width = this.svg.clientWidth || 400, height = 170, left = 62, right = 8, top = 10, bottom = 22;
    const samples = this.samples;
    let most = 0;
    for (const one of this.series) for (const s of samples) most = Math.max(most, one.of(s) ?? 0);
    const marks = ticks(most, this.format), high = marks[marks.length - 1];
    const x = time => left + (width - left - right) * (1 - (this.now - time) / this.span);
    const y = value => height - bottom - (height - bottom - top) * value / high;
    this.svg.replaceChildren();
    for (const mark of marks) {
      element(this.svg, 'line', {class: 'grid', x1: left, x2: width - right, y1: y(mark), y2: y(mark)});
      element(this.svg, 'text', {x: left - 8, y: y(mark) + 4, 'text-anchor': 'end'}, mark === 0 ? '0' : write(mark, this.format, high));
    }
    for (const [part, anchor] of [[1, 'start'], [0.5, 'middle'], [0, 'end']]) {
      const label = part === 0 ? 'now' : `${this.span * part} s ago`;
      element(this.svg, 'text', {x: left + (width - left - right) * (1 - part), y: height - 4, 'text-anchor': anchor}, label);
    }
    for (const one of this.series) this.drawSeries(one, x, y);
    this.drawCursor(x, y, top, height - bottom, left);
  }

  drawSeries(one, x, y) {
    let line = '', area = '', begin = null, last = null;
    const close = () => { if (begin !== null) area += `L${x(last).toFixed(1)} ${y(0)}L${x(begin).toFixed(1)} ${y(0)}Z`; };
    for (const sample of this.samples) {
      const value = one.of(sample);
      if (value === null) {  // a gap
        close();
        begin = null;
        continue;
      }
      const point = `${begin === null ? 'M' : 'L'}${x(sample.time).toFixed(1)} ${y(value).toFixed(1)}`;
      if (begin === null) begin = sample.time;
      line += point;
      area += point;
      last = sample.time;
    }
    close();
    if (this.series.length === 1) element(this.svg, 'path', {class: 'area', d: area, style: `fill:${one.color}`});
    element(this.svg, 'path', {class: one.dashed ? 'line dashed' : 'line', d: line, style: `stroke:${one.color}`});
  }

  // The values of the legend are those under the pointer, or else the latest.
  drawCursor(x, y, top, bottom, left) {
    let chosen = this.samples[this.samples.length - 1];
    if (this.pointer !== null && this.pointer >= left) {
      for (const s of this.samples) if (Math.abs(x(s.time) - this.pointer) < Math.abs(x(chosen.time) - this.pointer)) chosen = s;
      if (chosen) element(this.svg, 'line', {class: 'cursor', x1: x(chosen.time), x2: x(chosen.time), y1: top, y2: bottom});
    }
    for (const one of this.series) {
      const value = chosen ? one.of(chosen) : null;
      one.value.textContent = write(value, this.format);
      if (value !== null && this.pointer !== null) {
        element(this.svg, 'circle', {cx: x(chosen.time), cy: y(value), r: 3.5, style: `fill:${one.color}`});
      }
    }
  }
}
