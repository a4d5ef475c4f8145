// The behaviour of the pictures. Boxes carry their place as fractions; everything shown is
// computed from those, so zoom, window width and the picture without script agree.
#pragma once

namespace waitscope::cli {

inline constexpr char kSvgStyle[] = R"css(
svg { background: #ffffff; }
text { white-space: pre; font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; fill: #1c1c1c; }
.title { font-size: 16px; font-weight: bold; }
.line, .legend { fill: #5b5b5b; }
.button { fill: #1f6fb2; cursor: pointer; }
.box { cursor: pointer; }
.box rect { stroke: #ffffff; stroke-width: 0.5; }
.box:hover rect { stroke: #000000; stroke-width: 1; }
.box text { pointer-events: none; fill: #111111; }
.faded { opacity: 0.45; }
.found rect { fill: #e83e8c !important; }
@media (prefers-color-scheme: dark) {
  svg { background: #16181c; }
  .title, #info { fill: #ececec; }
  .line, .legend { fill: #a5a5a5; }
  .button { fill: #7cb8ec; }
  .box rect { stroke: #16181c; }
  .box:hover rect { stroke: #ffffff; }
}
)css";

inline constexpr char kSvgScript[] = R"js(
(function () {
  const svg = document.querySelector('svg');
  const boxes = Array.from(svg.querySelectorAll('.box')).map(function (group) {
    return { group: group, rect: group.querySelector('rect'), text: group.querySelector('text'),
             left: +group.dataset.l, width: +group.dataset.w, depth: +group.dataset.d,
             label: group.dataset.n, details: group.querySelector('title').textContent };
  });
  const info = svg.querySelector('#info'), found = svg.querySelector('#found');
  const reset = svg.querySelector('#reset'), search = svg.querySelector('#search');
  const pad = 10, tiny = 1e-9;
  let view = { left: 0, width: 1, depth: 0 }, total = 1200;

  function label(box, width) {
    const room = Math.floor((width - 6) / 7.25);
    if (room < 3) return '';
    return box.label.length <= room ? box.label : box.label.slice(0, room - 2) + '..';
  }
  function draw() {
    if (svg === document.documentElement) total = Math.max(600, window.innerWidth);
    svg.setAttribute('width', total);
    svg.setAttribute('viewBox', '0 0 ' + total + ' ' + svg.getAttribute('height'));
    for (const right of [found, reset, search]) right.setAttribute('x', total - right.dataset.right);
    const scale = (total - 2 * pad) / view.width;
    for (const box of boxes) {
      const above = box.depth < view.depth;
      let left = box.left, right = box.left + box.width;
      if (right <= view.left + tiny || left >= view.left + view.width - tiny) {
        box.group.style.display = 'none';
        continue;
      }
      left = Math.max(left, view.left);
      right = Math.min(right, view.left + view.width);
      const width = (right - left) * scale;
      box.group.style.display = width < 0.3 ? 'none' : '';
      box.group.classList.toggle('faded', above);
      box.rect.setAttribute('x', pad + (left - view.left) * scale);
      box.rect.setAttribute('width', width);
      box.text.setAttribute('x', pad + 3 + (left - view.left) * scale);
      box.text.textContent = label(box, width);
    }
    reset.style.display = view.width < 1 ? '' : 'none';
  }
  function zoom(box) {
    view = { left: box.left, width: box.width, depth: box.depth };
    draw();
  }
  function unzoom() {
    view = { left: 0, width: 1, depth: 0 };
    draw();
  }
  function mark(test) {
    const spans = [];
    for (const box of boxes) {
      const hit = test !== null && test(box.label);
      box.group.classList.toggle('found', hit);
      if (hit) spans.push([box.left, box.left + box.width]);
    }
    spans.sort(function (a, b) { return a[0] - b[0]; });
    let sum = 0, end = 0;
    for (const span of spans) {
      sum += Math.max(0, span[1] - Math.max(end, span[0]));
      end = Math.max(end, span[1]);
    }
    found.textContent = test === null ? '' : 'found: ' + (100 * sum).toFixed(1) + ' %';
  }
  function ask() {
    const term = window.prompt('Search frames (regular expression); empty clears', '');
    if (term === null) return;
    if (term === '') return mark(null);
    let expression;
    try { expression = new RegExp(term, 'i'); } catch (error) { expression = null; }
    mark(function (name) {
      return expression ? expression.test(name) : name.indexOf(term) >= 0;
    });
  }
  for (const box of boxes) {
    box.group.addEventListener('mouseover', function () { info.textContent = box.details; });
    box.group.addEventListener('mouseout', function () { info.textContent = ''; });
    box.group.addEventListener('click', function () { zoom(box); });
  }
  reset.addEventListener('click', unzoom);
  search.addEventListener('click', ask);
  window.addEventListener('resize', draw);
  window.addEventListener('keydown', function (event) {
    if (event.key === 'Escape') { unzoom(); mark(null); }
    if (event.key === '/' || ((event.ctrlKey || event.metaKey) && event.key === 'f')) {
      event.preventDefault();
      ask();
    }
  });
  draw();
})();
)js";

}  // namespace waitscope::cli
