// The header `authorization`, which a user need not write.

const AUTHORIZATION = "authorization";
const TOKEN = "token";
const PASSWORD = "password";

// What is wrong with the option for this Provider.
export function problem(option, provider) {
  if (option === "bearer" && !provider.secretKeys.includes(TOKEN)) {
    return "spec.config.authorization is bearer, and the Secret of spec.secretRef has no `token`";
  }
  if (option === "basic" && !hasBoth(provider)) {
    return "spec.config.authorization is basic, and the Secret of spec.secretRef has not both `username` and `password`";
  }
  return null;
}

// The request with it.
export function authorized(option = "auto", request, provider) {
  const value = chosen(option, request, provider);
  if (!value) return request;
  const others = request.headers.filter(([name]) => name.toLowerCase() !== AUTHORIZATION);
  return { ...request, headers: [...others, [AUTHORIZATION, value]] };
}

function chosen(option, request, provider) {
  if (option === "bearer") return bearer();
  if (option === "basic") return basic(provider);
  if (option === "none") return null;
  if (request.headers.some(([name]) => name.toLowerCase() === AUTHORIZATION)) return null;
  if (provider.secretKeys.includes(TOKEN) && !places(request, TOKEN)) return bearer();
  if (hasBoth(provider) && !places(request, PASSWORD)) return basic(provider);
  return null;
}

function hasBoth(provider) {
  return provider.username !== "" && provider.secretKeys.includes(PASSWORD);
}

function bearer() {
  return [
    { tag: "text", val: "Bearer " },
    { tag: "secret", val: TOKEN },
  ];
}

function basic(provider) {
  const credentials = [
    { tag: "text", val: `${provider.username}:` },
    { tag: "secret", val: PASSWORD },
  ];
  return [
    { tag: "text", val: "Basic " },
    { tag: "base64", val: credentials },
  ];
}

// Whether the request carries this secret already.
function places(request, key) {
  const values = [...request.headers, ...request.url.query].map(([, value]) => value);
  const all = [...values, ...request.url.path, request.body].flat();
  return all.some(({ tag, val }) => tag === "secret" && val === key);
}
