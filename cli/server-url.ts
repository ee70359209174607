import { InvalidArgumentError } from "commander";

export function serverUrl(text: string): string {
  if (/^https?:\/\/[^\s/]+/.test(text)) return text.replace(/\/+$/, "");
  throw new InvalidArgumentError("Write a URL such as http://127.0.0.1:7070.");
}
