// The page's beginning.
document.documentElement.dataset.ready = "";
