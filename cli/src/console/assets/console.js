// Everything works without this script. It makes dialogs modal, keeps a form from being sent twice, and loads charts' choices at once.
"use strict";
for (const dialog of document.querySelectorAll("dialog[open]")) {
  const close = dialog.querySelector(".away a");
  dialog.removeAttribute("open");
  dialog.showModal();
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (close) location.assign(close.href);
  });
}
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button[type=submit]")) {
      setTimeout(() => { button.disabled = true; }, 0);
    }
    form.setAttribute("aria-busy", "true");
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    if (navigator.clipboard) navigator.clipboard.writeText(field.value); else document.execCommand("copy");
  });
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form button[disabled]")) button.disabled = false;
});
