// The forward pass of an SSM-TF hybrid in plain JavaScript, in double precision, with what stands between its layers.
// A model is what models.py writes: config, weights by name, token names. Positions are arrays; nothing is shared.
"use strict";

const Hybrid = (() => {
  const silu = (x) => x / (1 + Math.exp(-x));
  const softplus = (x) => (x > 40 ? x : Math.log1p(Math.exp(x)));
  const dot = (a, b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  };
  const affine = (matrix, x, bias) => matrix.map((row, i) => dot(row, x) + (bias ? bias[i] : 0));

  const rmsNorm = (x, weight, eps) => {
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
    return x.map((value, i) => value * scale * weight[i]);
  };

  const layerNorm = (x, weight, bias, eps) => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const centred = x.map((value) => value - mean);
    const scale = 1 / Math.sqrt(dot(centred, centred) / x.length + eps);
    return centred.map((value, i) => value * scale * weight[i] + bias[i]);
  };

  // Mamba-1: norm, projections, causal convolution, selective scan, gate, residual.
  const mamba = (hidden, w, layer, eps) => {
    const { d_inner: n, d_state: states, dt_rank: rank, d_conv: taps } = layer;
    const state = Array.from({ length: n }, () => new Array(states).fill(0));
    const rates = w("mixer.A_log").map((row) => row.map((value) => -Math.exp(value)));
    const kernel = w("mixer.conv1d.weight").map((row) => row.flat());
    const [norm, inProj, convBias, xProj, D, outProj] = ["norm.weight", "mixer.in_proj.weight", "mixer.conv1d.bias", "mixer.x_proj.weight", "mixer.D", "mixer.out_proj.weight"].map(w);
    const [dtProj, dtBias] = ["mixer.dt_proj.weight", "mixer.dt_proj.bias"].map(w);
    const inputs = [];
    return hidden.map((x) => {
      const both = affine(inProj, rmsNorm(x, norm, eps));
      inputs.push(both.slice(0, n));
      const gate = both.slice(n);
      const convolved = convBias.map((bias, i) => {
        let sum = bias;
        for (let tap = 0; tap < taps; tap++) {
          const place = inputs.length - taps + tap;
          if (place >= 0) sum += kernel[i][tap] * inputs[place][i];
        }
        return silu(sum);
      });
      const projected = affine(xProj, convolved);
      const steps = affine(dtProj, projected.slice(0, rank), dtBias).map(softplus);
      const B = projected.slice(rank, rank + states);
      const C = projected.slice(rank + states);
      const out = convolved.map((value, i) => {
        let sum = D[i] * value;
        for (let s = 0; s < states; s++) {
          state[i][s] = Math.exp(steps[i] * rates[i][s]) * state[i][s] + steps[i] * B[s] * value;
          sum += C[s] * state[i][s];
        }
        return sum * silu(gate[i]);
      });
      return affine(outProj, out, x);
    });
  };

  // The first dimensions of a head turned by the angles of their position.
  const rotate = (vector, position, layer) => {
    const { d_rotary: r, d_turning: turned, rotary_base: base } = layer;
    const half = Math.ceil(r / 2);
    if (half === 0) return vector;
    const angle = (i) => position * base ** (-(2 * i) / Math.max(r, 1));
    if (turned < 2 * half) {
      const shift = Math.floor(turned / 2);
      const own = vector.slice(0, turned);
      const partner = [...own.slice(shift).map((value) => -value), ...own.slice(0, shift)];
      const out = own.map((value, i) => value * Math.cos(angle(i % half)) + partner[i] * Math.sin(angle(i % half)));
      return [...out, ...vector.slice(turned)];
    }
    const out = [...vector];
    for (let i = 0; i < half; i++) {
      const [cos, sin] = [Math.cos(angle(i)), Math.sin(angle(i))];
      out[i] = vector[i] * cos - vector[half + i] * sin;
      out[half + i] = vector[half + i] * cos + vector[i] * sin;
    }
    return out;
  };

  const softmax = (scores) => {
    const top = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - top));
    const total = powers.reduce((sum, value) => sum + value, 0);
    return powers.map((value) => value / total);
  };

  // GPT-NeoX with attention and MLP side by side; also where each head looks.
  const transformer = (hidden, w, layer, eps) => {
    const heads = layer.n_heads;
    const d = hidden[0].length / heads;
    const [first, firstBias] = ["weight", "bias"].map((name) => w(`input_layernorm.${name}`));
    const normed = hidden.map((x) => layerNorm(x, first, firstBias, eps));
    const [mixing, mixingBias, dense, denseBias] = ["query_key_value.weight", "query_key_value.bias", "dense.weight", "dense.bias"].map((name) => w(`attention.${name}`));
    const [norm, normBias] = ["weight", "bias"].map((name) => w(`post_attention_layernorm.${name}`));
    const [up, upBias, down, downBias] = ["h_to_4h.weight", "h_to_4h.bias", "4h_to_h.weight", "4h_to_h.bias"].map((name) => w(`mlp.dense_${name}`));
    const qkv = normed.map((x) => affine(mixing, x, mixingBias));
    const part = (t, head, which) => qkv[t].slice((3 * head + which) * d, (3 * head + which + 1) * d);
    const looks = [];
    const mixed = hidden.map(() => []);
    for (let head = 0; head < heads; head++) {
      const keys = hidden.map((_, t) => rotate(part(t, head, 1), t, layer));
      looks.push(hidden.map((_, t) => {
        const query = rotate(part(t, head, 0), t, layer);
        const first = layer.window === null ? 0 : Math.max(0, t - layer.window + 1);
        const weights = softmax(keys.slice(first, t + 1).map((key) => dot(query, key) / Math.sqrt(d)));
        const value = new Array(d).fill(0);
        weights.forEach((weight, i) => part(first + i, head, 2).forEach((v, k) => { value[k] += weight * v; }));
        mixed[t].push(...value);
        return { first, weights };
      }));
    }
    const next = hidden.map((x, t) => {
      const attended = affine(dense, mixed[t], denseBias);
      const units = affine(up, layerNorm(x, norm, normBias, eps), upBias).map(silu);
      return affine(down, units, downBias).map((value, i) => value + attended[i] + x[i]);
    });
    return { hidden: next, looks };
  };

  /** Logits at every position, the residual stream after embedding and layers, and where attention looks. */
  const forward = (model, tokens) => {
    const { weights, config } = model;
    const table = weights["embedding.weight"];
    let hidden = tokens.map((token) => [...table[token]]);
    const stages = [hidden];
    const looks = [];
    config.layers.forEach((layer, index) => {
      const w = (name) => weights[`layers.${index}.${name}`];
      if (layer.kind === "SSM") {
        hidden = mamba(hidden, w, layer, config.norm_eps);
      } else {
        const out = transformer(hidden, w, layer, config.norm_eps);
        hidden = out.hidden;
        looks.push({ layer: index + 1, heads: out.looks });
      }
      stages.push(hidden);
    });
    const scale = [weights["final_norm.weight"], weights["final_norm.bias"]];
    const logits = hidden.map((x) => affine(table, layerNorm(x, ...scale, config.norm_eps)));
    return { logits, stages, looks };
  };

  /** The name of the control that stands in the stream at each position, and how near it is to the next best. */
  const held = (model, stages) => stages[model.held.layer].map((x) => {
    const read = affine(model.held.read, x);
    const far = model.held.points.map((point) => Math.hypot(...point.at.map((value, i) => value - read[i])));
    const nearest = far.indexOf(Math.min(...far));
    return { name: model.held.points[nearest].name, read };
  });

  const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

  /** Ids of names with blanks between them; throws a line that names the first unknown one. */
  const parse = (model, text) => {
    const names = new Map(model.token_names.map((name, id) => [name, id]));
    const ordinary = model.token_names.length - 3;
    return text.trim().split(/\s+/).filter(Boolean).map((word) => {
      const id = names.has(word) ? names.get(word) : names.has(`${word}'`) ? names.get(`${word}'`) : -1;
      if (id < 0 || id >= ordinary) throw new Error(`unknown token ${word.slice(0, 20)}`);
      return id;
    });
  };

  // The statements of a program, each a column of values, null where there is nothing; as plait.compiler means them.
  const columns = (model, tokens) => {
    const made = [tokens.map((token) => model.token_names[token])];
    for (const { kind, inputs, distance } of model.task.statements) {
      const [first, key, query] = inputs.map((place) => made[place]);
      if (kind === "lag") made.push(first.map((_, here) => (here < distance ? null : first[here - distance])));
      else if (kind === "latest" && inputs.length === 3) made.push(first.map((_, here) => {
        const found = query[here] === null ? -1 : key.slice(0, here + 1).lastIndexOf(query[here]);
        return found < 0 ? null : first[found];
      }));
      else throw new Error(`no definition of ${kind}`);
    }
    return made;
  };

  /** Where the held signal is something. */
  const known = (model, tokens) => {
    if (model.task.task === "program") return columns(model, tokens)[1].map((value) => value !== null);
    if (model.task.task !== "selective-copying") return tokens.map(() => true);
    const first = tokens.findIndex((token) => token >= model.n_words);
    return tokens.map((_, here) => first >= 0 && here >= first);
  };

  // The definitions of the tasks, as plait.tasks has them: the target at each position, null where none.
  const targets = (model, tokens) => {
    const { task, params } = model.task;
    if (task === "selective-copying") {
      const words = params.n_words;
      let back = 0;
      return tokens.map((token, place) => {
        if (token >= words) back = params.numbers[token - words];
        return back > 0 && back <= place ? tokens[place - back] : null;
      });
    }
    if (task === "decoding-recall") {
      const words = 2 ** params.n_bits;
      const follower = new Map();
      let spelled = 0;
      return tokens.map((token, place) => {
        if (place > 0) follower.set(tokens[place - 1], token);
        if (token >= words) spelled = (2 * spelled + token - words) % words;
        return follower.has(spelled) ? follower.get(spelled) : null;
      });
    }
    if (task === "program") {
      return columns(model, tokens)[model.task.answer].map((name) => (name === null ? null : model.token_names.indexOf(name)));
    }
    throw new Error(`no definition of ${task}`);
  };

  /** The model with one weight changed; the rest is shared. */
  const damaged = (model, name, index, value) => {
    const copy = structuredClone(model.weights[name]);
    const at = [...index];
    const last = at.pop();
    at.reduce((array, i) => array[i], copy)[last] = value;
    return { ...model, weights: { ...model.weights, [name]: copy } };
  };

  return { forward, held, known, argmax, parse, targets, damaged };
})();

if (typeof module !== "undefined") module.exports = Hybrid;
