//! What is written for a block.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::facts::{Block, Depends, Field, beside, capitalized};

/// The facts of a block, the enumeration of its fields, and its partial twin.
pub fn block(block: &Block) -> TokenStream {
    let names = names(block);
    let twin = twin(block);
    let facts = facts(block);
    quote!(#names #twin #facts)
}

fn member(field: &Ident) -> Ident {
    let name = field.to_string();
    format_ident!("{}", capitalized(name.strip_prefix("r#").unwrap_or(&name)))
}

/// `enum VpcField { CidrBlock, … }`.
fn names(block: &Block) -> TokenStream {
    let Block { name, visibility, .. } = block;
    let names = beside(name, "", "Field");
    let about = format!("The attributes of [`{name}`].");
    let members = block.fields.iter().map(|field| {
        let member = member(&field.ident);
        let about = format!("`{}`", field.name);
        quote!(#[doc = #about] #member)
    });
    quote! {
        #[doc = #about]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #visibility enum #names { #(#members),* }

        impl ::infra_provider::FieldName for #names {
            type Of = #name;

            fn position(self) -> usize {
                self as usize
            }
        }
    }
}

/// `struct PartialVpc { cidr_block: Partial<String>, … }`.
fn twin(block: &Block) -> TokenStream {
    let Block { name, visibility, .. } = block;
    let twin = beside(name, "Partial", "");
    let about = format!("[`{name}`], as far as it is known.");
    let fields = block.fields.iter().map(|field| {
        let Field {
            ident, kind, name, ..
        } = field;
        let about = format!("`{name}`");
        quote! {
            #[doc = #about]
            #[serde(rename = #name)]
            pub #ident: ::infra_provider::Partial<<#kind as ::infra_provider::Described>::Partial>
        }
    });
    quote! {
        #[doc = #about]
        #[derive(Debug, Clone, Default, PartialEq, ::serde::Deserialize, ::serde::Serialize)]
        #visibility struct #twin { #(#fields),* }
    }
}

fn facts(block: &Block) -> TokenStream {
    let Block {
        name, description, ..
    } = block;
    let names = beside(name, "", "Field");
    let twin = beside(name, "Partial", "");
    let page = match &block.page {
        Some(page) => quote!(Some(#page)),
        None => quote!(None),
    };
    let fields = block.fields.iter().map(of_field);
    let rules = block.rules.iter().map(|rule| {
        let kind = &rule.kind;
        let of_rule = rule.fields.iter().map(|ident| {
            let field = block.fields.iter().find(|field| field.ident == *ident);
            field.map_or_else(String::new, |field| field.name.clone())
        });
        quote! {
            ::infra_provider::BlockRule::#kind(::std::borrow::Cow::Borrowed(&[
                #(::std::borrow::Cow::Borrowed(#of_rule)),*
            ]))
        }
    });
    let depends = block.fields.iter().flat_map(|field| {
        field
            .depends
            .iter()
            .map(|depends| of_depends(&field.name, depends))
    });
    let rules = rules.chain(depends);
    quote! {
        impl ::infra_provider::Block for #name {
            type Field = #names;
            const DESCRIPTION: &'static str = #description;
            const FACTS: ::infra_provider::BlockFacts = ::infra_provider::BlockFacts {
                page: #page,
                fields: &[#(#fields),*],
                rules: &[#(#rules),*],
            };
        }

        impl ::infra_provider::Described for #name {
            type Partial = #twin;
            const KIND: ::infra_provider::Kind =
                ::infra_provider::Kind::Table(&<#name as ::infra_provider::Block>::FACTS);
        }
    }
}

fn of_depends(attribute: &str, depends: &Depends) -> TokenStream {
    let Depends {
        when,
        value,
        other,
        values,
    } = depends;
    let other = other.to_string();
    let value = match value {
        Some(value) => quote!(Some(::std::borrow::Cow::Borrowed(#value))),
        None => quote!(None),
    };
    quote! {
        ::infra_provider::BlockRule::Where(::infra_provider::Where {
            names: [::std::borrow::Cow::Borrowed(#attribute), ::std::borrow::Cow::Borrowed(#other)],
            value: #value,
            when: ::infra_provider::When::#when,
            values: ::std::borrow::Cow::Borrowed(&[#(::std::borrow::Cow::Borrowed(#values)),*]),
            default: None,
        })
    }
}

fn of_field(field: &Field) -> TokenStream {
    let Field {
        name,
        description,
        kind,
        flags,
        values,
        constraints,
        source,
        ..
    } = field;
    let values = values.iter().map(|(fact, value)| quote!(#fact: #value));
    let source = match source {
        Some(source) => quote!(source: Some(#source),),
        None => quote!(),
    };
    quote! {
        ::infra_provider::FieldFacts {
            name: #name,
            description: #description,
            #(#flags: true,)*
            #(#values,)*
            #source
            constraints: &[#(::infra_provider::Constraint::#constraints),*],
            ..::infra_provider::FieldFacts::of::<#kind>()
        }
    }
}
