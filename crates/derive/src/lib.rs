//! `#[derive(Block)]`: what is said of the fields of a block, as data.
//!
//! A block is what a stack file declares in one table: a resource, or a table inside of one. The derive reads the fields
//! of one struct and emits three things, none of which does anything: the facts about its fields, an enumeration of
//! their names, and a twin in which each field may be known, unknown or unset. It knows nothing of AWS, of planning
//! or of any type.
//!
//! What can stand on a field, in `#[attribute(…)]`:
//!
//! | word | meaning |
//! |---|---|
//! | `computed` | AWS sets it, the file may not |
//! | `changes_on_update` | computed, and an update in place may change it |
//! | `immutable` | a change means a new resource |
//! | `caseless` | AWS takes two texts for the same, where it keeps them unique, that differ only in case |
//! | `set_after_create` | the create call cannot set it: an update follows |
//! | `needs_ready` | a reference in it needs what it names to work, not only to exist |
//! | `sensitive` | always secret |
//! | `write_only` | AWS never tells it back |
//! | `local` | only read on this machine, never compared |
//! | `path` | a path on this machine, relative to the file that sets it |
//! | `set` | a list without order (a `BTreeSet` needs no word) |
//! | `json`, `policy` | a JSON document, an IAM policy document |
//! | `key = "name"` | a list of tables told apart by this key |
//! | `nothing = 0`, `nothing = []` | the value that means the same as none: AWS tells nothing back of it, or makes of it what it makes of none. An empty text is that without a word where there is no `default` |
//! | `same(any_case)`, `same(dns_name)`, `same(record_value)`, `same(kms_key)` | a text, or each one of a list, that means the same in other spellings: see `infra_core::Spelling` |
//! | `same(optional_suffix(":*"))` | that means the same with and without this ending |
//! | `same(optional_prefix("/hostedzone/"))` | that means the same with and without this beginning |
//! | `same(other_names("6" = "tcp"))` | that AWS takes by other names, too, in any case |
//! | `same(also("${a}" = "$a"))` | that AWS takes as another text, too |
//! | `setting = "slow_start.duration_seconds"` | the key that AWS has for it, where it takes texts by keys |
//! | `default = 300` | what AWS makes of it when nothing is said |
//! | `length = 1..=32` | so many characters |
//! | `count = 1..=16` | so many elements |
//! | `range = 1..=65535` | a number between these |
//! | `one_of(1, 3, 5)` | one of these numbers |
//! | `alphabet("a-z0-9-", "lower-case letters, digits and hyphens")` | only these characters, which are called so |
//! | `pattern("^/", "has to start with /")` | matches the expression; the words say so of it |
//! | `except("^sg-", "is a name that only AWS gives")` | does not match the expression; the words say so of what does |
//! | `cidr(4, 16..=28)` | a network of this version, with a prefix of so many bits |
//! | `zone` | a zone, by its name, of the region that the resource is in |
//! | `only_where(type, "network")` | it can be set only where the other field has one of these values |
//! | `not_where(type, "network")` | it cannot be set where the other field has one of these values |
//! | `not_where("true", type, "network")` | the same of this value of it (also with `only_where`) |
//! | `needed_where(type, "network")` | it has to be set where the other field has one of these values |
//! | `source = "https://…"` | where AWS says so, if not on the page of the block |
//!
//! And on the struct, in `#[block(…)]`: `page = "https://…"`, where AWS describes it; `exactly_one(a, b)`,
//! `at_most_one(a, b)`, `at_least_one(a, b)` and `together(a, b)`, of which fields one must be set, one may be, one at least
//! must be, or all or none; `distinct_keys(a, b)`, of which tables no two have the same key.

mod emit;
mod facts;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Emits the facts, the field names and the partial twin of a block. See the crate's documentation for its words.
#[proc_macro_derive(Block, attributes(attribute, block))]
pub fn block(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    facts::of(&input)
        .map(|block| emit::block(&block))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
