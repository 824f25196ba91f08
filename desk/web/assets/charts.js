// Turns the lines that the server drew into charts that can be read off, where uPlot is installed. Without it, or without
// script, the lines stay.
"use strict";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function chart(figure) {
  const { from, step, series } = JSON.parse(figure.dataset.chart);
  const times = series[0].values.map((_, n) => from + n * step);
  const strokes = ["--accent", "--high", "--good", "--medium", "--low", "--model"].map(color);
  const plain = figure.querySelector("svg");
  const axis = { stroke: color("--dim"), grid: { stroke: color("--line") }, ticks: { stroke: color("--line") } };
  const build = () => new uPlot({
    width: figure.clientWidth - 32,
    height: 220,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Europe/Berlin"),
    cursor: { drag: { x: true, y: false } },
    axes: [axis, axis],
    series: [{ value: document.documentElement.lang === "de" ? "{DD}.{MM}. {HH}:{mm}" : "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      ...series.map((one, n) => ({ label: one.name, stroke: strokes[n % strokes.length], width: 1.5, points: { show: false } }))],
  }, [times, ...series.map((one) => one.values)], figure);
  const drawn = build();
  plain.hidden = true;
  new ResizeObserver(() => drawn.setSize({ width: figure.clientWidth - 32, height: 220 })).observe(figure);
}

if (typeof uPlot === "function") document.querySelectorAll("figure[data-chart]").forEach(chart);
