"use strict";

const $ = (id) => document.getElementById(id);

function part(kind, text = "", ...inner) {
  const made = document.createElement(kind);
  made.textContent = text;
  made.append(...inner);
  return made;
}

function table(headings, rows) {
  const line = (kind, cells) => part("tr", "", ...cells.map((cell) => part(kind, "", cell)));
  const made = part("table", "", line("th", headings), ...rows.map((row) => line("td", row)));
  const wide = part("div", "", made);
  wide.className = "wide";
  return wide;
}

function typed(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.filter((each) => each.type !== "null").map(typed).join(" or ");
  if (schema.enum) return schema.enum.join(" or ");
  if (schema.type === "array") return `list of ${typed(schema.items)}`;
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`to ${schema.maximum}`);
  return [schema.format || schema.type, ...bounds].join(" ");
}

function chosen(schema, schemas) {
  const name = typed(schema);
  return schemas[name] && schemas[name].enum ? schemas[name].enum.join(" or ") : name;
}

function operation(verb, place, said, schemas) {
  const heading = part("h2", "", part("code", ""));
  const sign = part("span", verb.toUpperCase());
  sign.className = "verb";
  heading.firstChild.append(sign, place);
  const made = part("section", "", heading, part("p", said.description));
  const rows = (said.parameters || []).map((each) => [
    part("code", each.name),
    chosen(each.schema, schemas) + (each.required ? ", must be given" : ""),
    each.description || "",
  ]);
  if (said.requestBody) rows.push(["the body", "bytes", said.requestBody.description]);
  if (rows.length) made.append(table(["parameter", "type", "what"], rows));
  return made;
}

function form(name, schema) {
  const rows = Object.entries(schema.properties).map(([key, value]) => [part("code", key), typed(value)]);
  return part("section", "", part("h2", name), table(["field", "type"], rows));
}

async function list() {
  const said = await (await fetch("/openapi.json", {credentials: "omit"})).json();
  const schemas = said.components.schemas;
  for (const [place, verbs] of Object.entries(said.paths)) {
    for (const [verb, each] of Object.entries(verbs)) $("listing").append(operation(verb, place, each, schemas));
  }
  for (const name of ["Ranking", "Result", "About"]) $("listing").append(form(name, schemas[name]));
}

$("example").textContent =
  `curl --data-binary @night.png -H "Content-Type: image/png" \\\n  "${location.origin}/api/search?modality=infrared&count=10"`;
list();
