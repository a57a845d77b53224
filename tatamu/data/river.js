for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const number = (cell) => parseFloat(cell.textContent.replaceAll(",", ""));
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [a.cells[column], b.cells[column]];
        const order = column < 2
          ? x.textContent.localeCompare(y.textContent)
          : (number(x) || 0) - (number(y) || 0);
        return down ? -order : order;
      });
      body.append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
