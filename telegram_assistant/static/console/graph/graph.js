// Draws what stands in #graph-elements, which the list below it says in words, too.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("graph-drawing");
  const source = document.getElementById("graph-elements");
  if (!place || !source || typeof cytoscape !== "function") {
    return;
  }
  const colors = getComputedStyle(document.documentElement);
  const ink = colors.getPropertyValue("--body-fg").trim() || "#333";
  const quiet = colors.getPropertyValue("--body-quiet-color").trim() || "#999";
  const accent = colors.getPropertyValue("--link-fg").trim() || "#417893";
  place.hidden = false;
  const drawing = cytoscape({
    container: place,
    elements: JSON.parse(source.textContent),
    wheelSensitivity: 0.3,
    layout: { name: "breadthfirst", directed: true, spacingFactor: 1.2 },
    style: [
      {
        selector: "node",
        style: {
          label: "data(name)", color: ink, "background-color": accent, "font-size": 11,
          "text-wrap": "ellipsis", "text-max-width": "140px", "text-valign": "bottom",
        },
      },
      { selector: "node[?asked]", style: { "border-width": 4, "border-color": ink } },
      { selector: "node[?away]", style: { "background-color": quiet } },
      {
        selector: "edge",
        style: {
          label: "data(name)", color: quiet, "font-size": 9, "curve-style": "bezier",
          "line-color": quiet, "target-arrow-color": quiet, width: "data(width)",
        },
      },
      { selector: "edge[?arrow]", style: { "target-arrow-shape": "triangle" } },
    ],
  });
  drawing.on("tap", "node[href]", (event) => {
    window.location.href = event.target.data("href");
  });
});
