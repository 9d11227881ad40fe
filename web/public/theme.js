// Before the first paint: the theme a person chose for this browser, else the system's.
(() => {
  const chosen = localStorage.getItem('tw-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
