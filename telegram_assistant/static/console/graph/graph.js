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
  const paper = colors.getPropertyValue("--body-bg").trim() || "#fff";
  const quiet = colors.getPropertyValue("--body-quiet-color").trim() || "#999";
  const accent = colors.getPropertyValue("--link-fg").trim() || "#417893";
  const elements = JSON.parse(source.textContent);
  // From left to right, in the order of the list: so names and ways stand beside each other.
  const inTime = {
    name: "breadthfirst", directed: true, spacingFactor: 1, padding: 24,
    depthSort: (one, other) => one.data("order") - other.data("order"),
    transform: (_node, at) => ({ x: at.y * 2.4, y: at.x * 0.6 }),
  };
  const isSpread = elements.some((one) => one.data.arrow);
  place.hidden = false;
  const drawing = cytoscape({
    container: place,
    elements,
    layout: isSpread ? inTime : { name: "circle", padding: 24 },
    style: [
      {
        selector: "node",
        style: {
          label: "data(name)", color: ink, "background-color": accent, "font-size": 11,
          "text-wrap": "ellipsis", "text-max-width": "160px", "text-valign": "center",
          "text-halign": "right", "text-margin-x": 4, width: 18, height: 18,
          "text-background-color": paper, "text-background-opacity": 0.8,
        },
      },
      { selector: "node[?asked]", style: { "border-width": 4, "border-color": ink } },
      // The first post, from which the others lead to the right.
      { selector: "node[order = 0]", style: { "text-halign": "left", "text-margin-x": -4 } },
      { selector: "node[?away]", style: { "background-color": quiet } },
      {
        selector: "node[?deleted]",
        style: { "background-opacity": 0.2, "border-width": 2, "border-color": quiet, "border-style": "dashed" },
      },
      {
        selector: "edge",
        style: {
          "text-background-color": paper, "text-background-opacity": 1,
          color: quiet, "font-size": 9, "curve-style": "bezier",
          "line-color": quiet, "target-arrow-color": quiet, width: "data(width)",
        },
      },
      { selector: "edge[!arrow]", style: { label: "data(name)" } },
      {
        selector: "edge[?arrow]",
        style: {
          "target-arrow-shape": "triangle", "target-label": "data(name)",
          "target-text-offset": 64, "target-text-rotation": "autorotate",
        },
      },
    ],
  });
  drawing.on("tap", "node[href]", (event) => {
    window.location.href = event.target.data("href");
  });
});
