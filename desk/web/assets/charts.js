// Turns the lines that the server drew into charts that can be read off, where uPlot is installed. Without it, or without
// script, the lines stay.
"use strict";

const HEIGHT = 220;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const write = (options) => new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: "Europe/Berlin", ...options });
const [day, moment] = [write({ day: "2-digit", month: "2-digit", hour: "2-digit" }), write({ dateStyle: "short", timeStyle: "short" })];

function chart(figure) {
  const { from, step, time, series } = JSON.parse(figure.dataset.chart);
  const times = series[0].values.map((_, n) => from + n * step);
  const strokes = ["--accent", "--high", "--good", "--medium", "--low", "--model"].map(color);
  const line = { stroke: color("--line"), width: 1 };
  const axis = { stroke: color("--dim"), grid: line, ticks: line };
  const width = () => figure.querySelector("figcaption").clientWidth;
  const drawn = new uPlot({
    width: width(),
    height: HEIGHT,
    cursor: { drag: { x: true, y: false } },
    axes: [{ ...axis, space: 90, values: (_, seconds) => seconds.map((at) => day.format(at * 1e3)) }, axis],
    series: [
      { label: time, value: (_, at) => (at === null ? "–" : moment.format(at * 1e3)) },
      ...series.map((one, n) => ({ label: one.name, stroke: strokes[n % strokes.length], width: 1.5, points: { show: false } })),
    ],
  }, [times, ...series.map((one) => one.values)], figure);
  const canvas = drawn.root.querySelector("canvas");
  [canvas.role, canvas.ariaLabel] = ["img", figure.querySelector("svg").getAttribute("aria-label")];
  figure.querySelector("svg").remove();
  new ResizeObserver(() => drawn.setSize({ width: width(), height: HEIGHT })).observe(figure);
}

if (typeof uPlot === "function") document.querySelectorAll("figure[data-chart]").forEach(chart);
