//! What is said of a block and its fields, as it was parsed.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseBuffer};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, ExprRange, Fields, Ident, Lit, LitStr, RangeLimits,
    Result, Token, Type, Visibility, token,
};

/// A block.
pub struct Block {
    /// The struct's name.
    pub name: Ident,
    /// Who may see it.
    pub visibility: Visibility,
    /// Its documentation, a line for each paragraph.
    pub description: String,
    /// AWS's page of it.
    pub page: Option<LitStr>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// Rules between them.
    pub rules: Vec<Rule>,
}

/// A field.
pub struct Field {
    /// Its name in Rust.
    pub ident: Ident,
    /// Its name in a stack file.
    pub name: String,
    /// Its documentation, lines joined.
    pub description: String,
    /// Its type.
    pub kind: Type,
    /// The words without a value that stand on it.
    pub flags: Vec<Ident>,
    /// Those with one: the name of the fact, and its value as an expression.
    pub values: Vec<(Ident, TokenStream)>,
    /// What its values have to be.
    pub constraints: Vec<TokenStream>,
    /// Where AWS says so.
    pub source: Option<LitStr>,
    /// What the values of other fields mean for it.
    pub depends: Vec<Depends>,
}

/// What the value of another field means for a field.
pub struct Depends {
    /// `Only`, `Never` or `Needed`.
    pub when: Ident,
    /// The value that the rule is about, if it is not any.
    pub value: Option<LitStr>,
    /// The other field.
    pub other: Ident,
    /// Its values.
    pub values: Vec<LitStr>,
}

/// A rule between fields.
pub struct Rule {
    /// Which one: a variant of `BlockRule`.
    pub kind: Ident,
    /// The fields that it speaks of.
    pub fields: Vec<Ident>,
}

/// The words without a value.
const FLAGS: [&str; 13] = [
    "computed",
    "changes_on_update",
    "immutable",
    "caseless",
    "set_after_create",
    "needs_ready",
    "sensitive",
    "write_only",
    "local",
    "path",
    "set",
    "json",
    "policy",
];

/// Reads a struct.
///
/// # Errors
/// It is no struct with named fields, or a word is not known: at the place of what is wrong.
pub fn of(input: &DeriveInput) -> Result<Block> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.span(), "a block is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(data.fields.span(), "the fields of a block have names"));
    };
    let mut block = Block {
        name: input.ident.clone(),
        visibility: input.vis.clone(),
        description: documentation(&input.attrs),
        page: None,
        fields: fields.named.iter().map(field).collect::<Result<_>>()?,
        rules: Vec::new(),
    };
    let (mut page, mut rules) = (None, Vec::new());
    for attribute in named(&input.attrs, "block") {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("page") {
                page = Some(meta.value()?.parse::<LitStr>()?);
                return Ok(());
            }
            let kind = match &meta.path {
                path if path.is_ident("exactly_one") => "ExactlyOne",
                path if path.is_ident("at_most_one") => "AtMostOne",
                path if path.is_ident("together") => "Together",
                path if path.is_ident("at_least_one") => "AtLeastOne",
                path if path.is_ident("distinct_keys") => "DistinctKeys",
                _ => return Err(meta.error("the documentation of infra-derive says what can stand here")),
            };
            let mut fields = Vec::new();
            meta.parse_nested_meta(|field| {
                let ident = field.path.require_ident()?;
                if !block.fields.iter().any(|known| known.ident == *ident) {
                    return Err(field.error("the block has no such field"));
                }
                fields.push(ident.clone());
                Ok(())
            })?;
            rules.push(Rule {
                kind: Ident::new(kind, meta.path.span()),
                fields,
            });
            Ok(())
        })?;
    }
    for depends in block.fields.iter().flat_map(|field| &field.depends) {
        if !block.fields.iter().any(|field| depends.other == field.name) {
            return Err(Error::new(depends.other.span(), "the block has no such field"));
        }
    }
    (block.page, block.rules) = (page, rules);
    Ok(block)
}

fn field(field: &syn::Field) -> Result<Field> {
    let Some(ident) = field.ident.clone() else {
        return Err(Error::new(field.span(), "the fields of a block have names"));
    };
    let mut read = Field {
        name: renamed(&field.attrs)?.unwrap_or_else(|| in_file(&ident)),
        ident,
        description: documentation(&field.attrs),
        kind: field.ty.clone(),
        flags: Vec::new(),
        values: Vec::new(),
        constraints: Vec::new(),
        source: None,
        depends: Vec::new(),
    };
    for attribute in named(&field.attrs, "attribute") {
        attribute.parse_nested_meta(|meta| read.word(&meta))?;
    }
    Ok(read)
}

impl Field {
    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let word = meta.path.require_ident()?.clone();
        let name = word.to_string();
        match name.as_str() {
            flag if FLAGS.contains(&flag) => self.flags.push(word),
            "key" | "setting" => {
                let text: LitStr = meta.value()?.parse()?;
                self.values.push((word, quote!(Some(#text))));
            }
            "default" | "nothing" => {
                let input = meta.value()?;
                let value = if name == "nothing" && input.peek(token::Bracket) {
                    no_items(input)?
                } else {
                    literal(input.parse()?)?
                };
                self.values
                    .push((word, quote!(Some(::infra_provider::DefaultValue::#value))));
            }
            "only_where" | "not_where" | "needed_where" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let when = match name.as_str() {
                    "only_where" => "Only",
                    "not_where" => "Never",
                    _ => "Needed",
                };
                let value = if content.peek(LitStr) {
                    let value = content.parse()?;
                    content.parse::<Token![,]>()?;
                    Some(value)
                } else {
                    None
                };
                let other = content.call(Ident::parse_any)?;
                content.parse::<Token![,]>()?;
                let values = content.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
                self.depends.push(Depends {
                    when: Ident::new(when, word.span()),
                    value,
                    other,
                    values: values.into_iter().collect(),
                });
            }
            "same" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let spelling = spelling(&content)?;
                let fact = Ident::new("spelling", word.span());
                self.values
                    .push((fact, quote!(Some(&::infra_provider::Spelling::#spelling))));
            }
            "length" | "count" | "range" => {
                let bounds = bounds(&meta.value()?.parse()?)?;
                let constraint = Ident::new(&capitalized(&name), word.span());
                self.constraints.push(quote!(#constraint { #bounds }));
            }
            "one_of" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let numbers = content.parse_terminated(Expr::parse, Token![,])?.into_iter();
                self.constraints
                    .push(quote!(OneOf(::std::borrow::Cow::Borrowed(&[#(#numbers),*]))));
            }
            "zone" => self.constraints.push(quote!(Zone)),
            "alphabet" | "pattern" | "except" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let expression: LitStr = content.parse()?;
                content.parse::<Token![,]>()?;
                let words: LitStr = content.parse()?;
                let (constraint, part) = match name.as_str() {
                    "alphabet" => (quote!(Alphabet), quote!(characters)),
                    "except" => (quote!(Except), quote!(expression)),
                    _ => (quote!(Pattern), quote!(expression)),
                };
                self.constraints.push(quote!(#constraint {
                    #part: ::std::borrow::Cow::Borrowed(#expression),
                    words: ::std::borrow::Cow::Borrowed(#words),
                }));
            }
            "cidr" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let version: syn::LitInt = content.parse()?;
                content.parse::<Token![,]>()?;
                let bounds = bounds(&content.parse()?)?;
                self.constraints.push(quote!(Cidr { version: #version, #bounds }));
            }
            "source" => self.source = Some(meta.value()?.parse()?),
            _ => return Err(meta.error("the documentation of infra-derive says what can stand here")),
        }
        Ok(())
    }
}

/// `any_case`, `dns_name`, `record_value`, `kms_key`, `optional_suffix(":*")`, `optional_prefix("/hostedzone/")`, `other_names("6" = "tcp")` or `also("${a}" = "$a")`.
fn spelling(content: &ParseBuffer<'_>) -> Result<TokenStream> {
    let word: Ident = content.parse()?;
    let name = word.to_string();
    let variant = Ident::new(&capitalized(&name), word.span());
    match name.as_str() {
        "any_case" | "dns_name" | "record_value" | "kms_key" => Ok(quote!(#variant)),
        "optional_suffix" | "optional_prefix" => {
            let inner;
            syn::parenthesized!(inner in content);
            let part: LitStr = inner.parse()?;
            Ok(quote!(#variant(::std::borrow::Cow::Borrowed(#part))))
        }
        "other_names" | "also" => {
            let inner;
            syn::parenthesized!(inner in content);
            let pair = |pair: &ParseBuffer<'_>| -> Result<TokenStream> {
                let other: LitStr = pair.parse()?;
                pair.parse::<Token![=]>()?;
                let own: LitStr = pair.parse()?;
                Ok(quote!((#other, #own)))
            };
            let pairs = inner.parse_terminated(pair, Token![,])?.into_iter();
            Ok(quote!(#variant(::std::borrow::Cow::Borrowed(&[#(#pairs),*]))))
        }
        _ => Err(Error::new(
            word.span(),
            "the documentation of infra-derive says what can stand here",
        )),
    }
}

/// A literal as a default: `300`, `true` or `"text"`.
fn literal(literal: Lit) -> Result<TokenStream> {
    match &literal {
        Lit::Bool(_) => Ok(quote!(Bool(#literal))),
        Lit::Int(_) => Ok(quote!(Integer(#literal))),
        Lit::Str(_) => Ok(quote!(Text(#literal))),
        _ => Err(Error::new(
            literal.span(),
            "a truth value, a whole number or a text",
        )),
    }
}

/// `[]`.
fn no_items(input: &ParseBuffer<'_>) -> Result<TokenStream> {
    let content;
    syn::bracketed!(content in input);
    if !content.is_empty() {
        return Err(content.error("only an empty list can stand here"));
    }
    Ok(quote!(NoItems))
}

/// `1..=32`, as the lowest and the highest.
fn bounds(range: &Expr) -> Result<TokenStream> {
    let Expr::Range(ExprRange {
        start,
        limits: RangeLimits::Closed(_),
        end: Some(end),
        ..
    }) = range
    else {
        return Err(Error::new(range.span(), "a range such as `1..=32`"));
    };
    let lowest = match start {
        Some(start) => quote!(#start),
        None => quote!(0),
    };
    Ok(quote!(lowest: #lowest, highest: #end))
}

/// The attributes of this name.
fn named<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(move |attribute| attribute.path().is_ident(name))
}

/// The name that serde is told.
fn renamed(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut name = None;
    for attribute in named(attributes, "serde") {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                name = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.input.peek(Token![=]) {
                meta.value()?.parse::<Expr>()?;
            }
            Ok(())
        })?;
    }
    Ok(name)
}

/// A name in a stack file: `type` for `r#type`.
fn in_file(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The paragraphs of a documentation comment, each in one line.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = named(attributes, "doc").filter_map(|attribute| {
        match &attribute.meta.require_name_value().ok()?.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(line), ..
            }) => Some(line.value()),
            _ => None,
        }
    });
    let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    let paragraphs = paragraphs.filter(|lines| !lines.is_empty());
    paragraphs
        .map(|lines| lines.join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// `set_identifier` as `SetIdentifier`.
pub fn capitalized(name: &str) -> String {
    name.split('_')
        .map(|part| {
            let mut characters = part.chars();
            let first = characters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(characters).collect::<String>()
        })
        .collect()
}

/// The name of something that belongs to a block.
pub fn beside(block: &Ident, before: &str, after: &str) -> Ident {
    Ident::new(&format!("{before}{block}{after}"), Span::call_site())
}
