// What a page can do: filter, unfold, and show a message in full. Nothing is fetched.
'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const scenarios = all('.scenario');

  // The body of a scenario becomes part of the page when it is first opened, so that large reports open at once.
  const fill = (scenario) => {
    const template = scenario.querySelector(':scope > template');
    if (!template) return;
    scenario.append(template.content.cloneNode(true));
    template.remove();
    all('.stage', scenario).forEach((stage) => {
      const first = stage.querySelector('.mark') && last(all('.rung', stage).filter((it) =>
        it.compareDocumentPosition(stage.querySelector('.mark')) & Node.DOCUMENT_POSITION_FOLLOWING));
      show(stage, first || stage.querySelector('.rung'));
    });
  };
  const last = (list) => list[list.length - 1];
  scenarios.forEach((it) => it.addEventListener('toggle', () => it.open && fill(it)));

  // A message in full, beside the ladder.
  const show = (stage, rung) => {
    if (!rung) return;
    all('.rung.chosen', stage).forEach((it) => it.classList.remove('chosen'));
    rung.classList.add('chosen');
    const words = stage.querySelector('.words');
    all('[data-of]', words).forEach((it) => { it.hidden = it.dataset.of !== rung.dataset.rung; });
  };
  document.addEventListener('click', (event) => {
    const rung = event.target.closest('.rung');
    if (rung) show(rung.closest('.stage'), rung);
  });
  document.addEventListener('mouseover', (event) => {
    const rung = event.target.closest('.rung');
    if (rung && !rung.closest('.stage').dataset.held) show(rung.closest('.stage'), rung);
  });
  document.addEventListener('mousedown', (event) => {
    const rung = event.target.closest('.rung');
    if (rung) rung.closest('.stage').dataset.held = '1';
  });

  // The filter: every word has to be somewhere, and the outcome has to be one of those that are chosen.
  const box = document.querySelector('.tools input');
  const chips = all('.tools button[data-outcome]');
  const found = document.querySelector('.tools .found');
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = chips.filter((it) => it.getAttribute('aria-pressed') === 'true').map((it) => it.dataset.outcome);
    let count = 0;
    scenarios.forEach((it) => {
      const fits = words.every((word) => it.dataset.text.includes(word)) &&
        (!outcomes.length || outcomes.includes(it.dataset.outcome));
      it.hidden = !fits;
      if (fits) count += 1;
    });
    all('.topic').forEach((topic) => {
      let next = topic.nextElementSibling;
      let any = false;
      for (; next && next.classList.contains('scenario'); next = next.nextElementSibling) any = any || !next.hidden;
      topic.hidden = !any;
    });
    if (found) found.textContent = `${count} of ${scenarios.length}`;
  };
  if (box) {
    box.addEventListener('input', filter);
    chips.forEach((it) => it.addEventListener('click', () => {
      it.setAttribute('aria-pressed', String(it.getAttribute('aria-pressed') !== 'true'));
      filter();
    }));
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && document.activeElement !== box) { event.preventDefault(); box.focus(); }
    });
    filter();
  }

  // A link to a scenario opens it, and without one the first failure is open.
  const arrive = () => {
    const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const scenario = (wanted && wanted.closest('.scenario')) || (!location.hash && document.querySelector('.scenario[data-outcome=failed]'));
    const fold = wanted && wanted.closest('details.fold');
    if (fold) { fold.open = true; wanted.scrollIntoView(); }
    if (!scenario) return;
    scenario.hidden = false;
    fill(scenario);
    scenario.open = true;
    if (wanted) scenario.scrollIntoView();
  };
  window.addEventListener('hashchange', arrive);
  arrive();
})();
