"""The claims: everything a lab says, derived again from its objects, for `verify` and for a push.

They read through `gitlab.reader.values.Objects`, by dulwich here and by libgit2 there, and share
with the writer the record's form, the policies, and what the id of a program is.
"""
