"""The second reader: everything the lab claims, derived again from objects, through dulwich.

It shares the record's form with the writer (`records.py`, `facts.py`, `text.py`) and nothing else.
"""
