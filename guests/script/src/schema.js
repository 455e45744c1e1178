// What a user may set in `spec.config`, as JSON Schema.

export const CONFIG_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  required: ["script"],
  properties: {
    authorization: {
      description:
        "The header `authorization`: `bearer` with the Secret's `token`; `basic` with the user name and the Secret's `password`; `none`; or `auto`, which is the first of these for which the Secret has the key, unless the request places that key or sets the header itself.",
      enum: ["auto", "bearer", "basic", "none"],
      default: "auto",
    },
    script: {
      description: "JavaScript that defines a function `request`, which gets the delivery and returns the request.",
      type: "string",
      minLength: 1,
      maxLength: 262144,
    },
  },
};
