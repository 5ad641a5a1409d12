"use strict";
(() => {
  const palettes = {
    light: { page: "#ffffff", text: "#1b1f24", soft: "#5b646e", line: "#d9dee3" },
    dark: { page: "#15181c", text: "#e7eaed", soft: "#a3acb5", line: "#343b43", scale: [[0, "#1f2a36"], [0.5, "#2f6ea5"], [1, "#c3e1fb"]] },
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const printWidth = 680;
  const palette = () => (dark.matches ? palettes.dark : palettes.light);

  // The figures come without colours of text, grid and page; these follow the reader's choice.
  const themed = (figure, colours, options) => {
    const axis = {
      gridcolor: colours.line, linecolor: colours.line, zerolinecolor: colours.line,
      tickcolor: colours.line, automargin: true, title: { standoff: 8 },
    };
    const layout = structuredClone(figure.layout);
    layout.template = {
      layout: {
        paper_bgcolor: options.page || "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", size: 13, color: colours.text },
        xaxis: axis, yaxis: axis,
        hoverlabel: { bgcolor: colours.page, bordercolor: colours.soft, font: { color: colours.text }, align: "left" },
        dragmode: touch ? false : "zoom",
      },
    };
    for (const note of layout.annotations || []) {
      if (note.name === "halo") note.bgcolor = colours.page + "cc";
    }
    layout.autosize = !options.width;
    if (options.width) layout.width = options.width;
    const data = figure.data.map((trace) =>
      trace.type === "heatmap" && colours.scale ? { ...trace, colorscale: colours.scale } : trace);
    return { data, layout };
  };

  const config = { displayModeBar: false, responsive: true, scrollZoom: false, displaylogo: false };
  const plots = [];
  const draw = (plot, colours, options = {}) => {
    const { data, layout } = themed(plot.figure, colours, options);
    return Plotly.react(plot.element, data, layout, config);
  };
  const save = (plot, format) => {
    const width = Math.max(plot.element.clientWidth, 700);
    const figure = themed(plot.figure, palettes.light, { page: "#ffffff", width });
    return Plotly.downloadImage({ ...figure, config }, {
      format, width, height: figure.layout.height, scale: format === "png" ? 2 : 1, filename: plot.figure.name,
    });
  };

  const savers = (figure, ...children) => {
    const row = document.createElement("div");
    row.className = "save";
    row.append(...children);
    figure.append(row);
  };
  for (const source of document.querySelectorAll("figure > script[type='application/json']")) {
    const element = source.parentElement.querySelector(".plot");
    const plot = { element, figure: JSON.parse(source.textContent) };
    if ((plot.figure.layout.meta || {}).wide) element.classList.add("wide-plot");
    plots.push(plot);
    savers(source.parentElement, ...["svg", "png"].map((format) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "save as " + format.toUpperCase();
      button.addEventListener("click", () => save(plot, format));
      return button;
    }));
  }
  for (const image of document.querySelectorAll(".picture img")) {
    const link = document.createElement("a");
    link.href = image.src;
    link.download = image.dataset.name + ".png";
    link.textContent = "save as PNG";
    savers(image.closest("figure"), link);
  }

  const drawAll = (colours, options) => Promise.all(plots.map((plot) => draw(plot, colours, options)));
  drawAll(palette()).then(() => { document.documentElement.dataset.drawn = String(plots.length); });
  dark.addEventListener("change", () => drawAll(palette()));
  window.addEventListener("beforeprint", () => drawAll(palettes.light, { width: printWidth }));
  window.addEventListener("afterprint", () => drawAll(palette()));
})();
