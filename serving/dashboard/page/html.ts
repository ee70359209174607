/** The page's skeleton, which the scripts in dashboard/ fill in. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%232f6fb7'/%3E" +
  "%3Cpath d='M0 10q4-4 8 0t8 0v6H0z' fill='%23e08a2e'/%3E%3C/svg%3E";

export const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Tidemark</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="/assets/style.css">
<script type="module" src="/assets/dashboard/main.js"></script>
</head>
<body>
<a class="skip" href="#views">Skip to the views</a>
<header>
<h1>Tidemark</h1>
<p id="state" role="status"></p>
<nav aria-label="sections"><a href="#overview">Overview</a><a href="#views">Views</a><a href="#sql">SQL</a><a href="#versions">Versions</a></nav>
</header>
<main>
<p id="trouble" role="alert" hidden></p>
<form id="key" hidden>
<label>This server requires an API key with the scope read <input type="password" name="key" autocomplete="off" required></label>
<button>Continue</button>
</form>
<section id="overview" aria-labelledby="overview-title"><h2 id="overview-title">Overview</h2><div id="incidents"></div><div id="picture"></div><div id="streams"></div></section>
<section id="views" aria-labelledby="views-title"><h2 id="views-title">Views</h2><div id="view"></div></section>
<section id="sql" aria-labelledby="sql-title"><h2 id="sql-title">SQL</h2><div id="box"></div></section>
<section id="versions" aria-labelledby="versions-title"><h2 id="versions-title">Versions</h2><div id="list"></div></section>
</main>
<dialog id="explain" aria-labelledby="explain-title"></dialog>
<noscript>This page needs JavaScript; the API does not.</noscript>
</body>
</html>
`;
