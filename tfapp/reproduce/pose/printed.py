"""Tables 4.2 and B.1 to B.7 as Wu (2020) prints them: transcribed numbers, none of which was measured here.

Source: Y. Wu, dissertation, 2020, chapter 4 and appendix B. `?` stands for cells that are lost in the electronic text.
Scores are shares; CD is the mean Chamfer distance, whose unit the text does not say.
"""

SOURCE = "Y. Wu's dissertation, chapter 4 and appendix B"
MEAN = "mean"
# In the order of the columns of tables 4.2 and B.1.
OBJECTS = ("bolt", "camera-head", "nut", "obj-01", "obj-14", "obj-24")
# What stands in place of a number that cannot be read.
LOST = "?"

# N, method; F1 of the six objects and their mean.
_TABLE_4_2 = """
2 K-means .89 .89 .99 .97 .98 .98 .95
2 SC      .96 .91 .90 .91 .87 .94 .90
2 v1      .99 .94 1.0 1.0 1.0 1.0 .98
2 v2      .96 .93 .99 .97 1.0 1.0 .98
3 K-means .79 .74 .98 .93 .96 .96 .89
3 SC      .90 .83 .96 .91 .81 .89 .88
3 v1      .98 .93 .98 .93 .98 .99 .97
3 v2      .99 .84 .98 .93 .96 .99 .95
4 K-means .71 .65 .97 .90 .92 .94 .85
4 SC      .85 .76 .94 .86 .77 .85 .84
4 v1      .81 .85 .96 .90 .87 .86 .88
4 v2      .88 .84 .96 .89 .91 .85 .89
"""
# N, method; F1, P and R of each.
_TABLE_B_1 = """
2 K-means .89 .88 .90  .89 .88 .90  .99 .99 .99  .97 .97 .97  .98 .98 .98  .98 .98 .98  .95 .95 .95
2 SC      .96 .95 .98  .91 .87 .96  .90 .85 .99  .91 .87 .96  .87 .82 .98  .94 .92 .99  .90 .88 .98
2 v1      .99 .99 .99  .94 .94 .94  1.0 1.0 1.0  1.0 1.0 1.0  1.0 1.0 1.0  1.0 1.0 1.0  .98 .98 .98
2 v2      .96 .96 .96  .93 .93 .93  .99 .99 1.0  .97 .96 .97  1.0 1.0 1.0  1.0 1.0 1.0  .98 .97 .98
3 K-means .79 .78 .80  .74 .73 .75  .98 .99 .98  .93 .93 .92  .96 .95 .95  .96 .96 .96  .89 .89 .89
3 SC      ? ? ?        ? ? ?        ? ? ?        ? ? ?        ? ? ?        ? ? ?        .88 ? .96
3 v1      .98 .98 .98  .93 .93 .93  .98 .98 .98  .93 .93 .94  .98 .98 .98  .99 .99 .99  .97 .97 .97
3 v2      .99 .99 .99  .84 .83 .86  .98 .98 .98  .93 .93 .93  .96 .96 .96  .99 .99 .99  .95 .95 .95
4 K-means .71 .70 .72  .65 .65 .67  .97 .98 .97  .90 .91 .89  .92 .92 .91  .94 .95 .94  .85 .90 .85
4 SC      .85 .78 .95  .76 .69 .86  .94 .92 .96  .86 .78 .97  .77 .67 .95  .85 .79 .96  .84 .77 .94
4 v1      .81 .80 .82  .85 .85 .86  .96 .96 .97  .90 .90 .90  .87 .87 .88  .86 .84 .89  .88 .87 .89
4 v2      .88 .88 .89  .84 .83 .84  .96 .96 .97  .89 .88 .89  .91 .91 .91  .85 .83 .88  .89 .88 .90
"""
# Object, N, setting; CD, or CD, F1, P and R.
_ABLATIONS = {
    "b.2": """
bolt 1 v1 .0007
bolt 1 v2 .0009
bolt 1 v3 .0005
bolt 2 v1 .0019 .99 .99 .99
bolt 2 v2 .0013 .96 .96 .96
bolt 2 v3 .0011 .96 .96 .96
bolt 3 v1 .0016 .98 .98 .98
bolt 3 v2 .0015 .99 .99 .99
bolt 3 v3 .0014 .99 .99 .99
bolt 4 v1 .0029 .81 .80 .82
bolt 4 v2 .0023 .88 .88 .89
bolt 4 v3 .0022 .90 .90 .91
""",
    "b.3": """
nut  1 r=2    .0059
nut  1 r=2.9  .0011
nut  1 r=3.14 .0010
nut  1 none   .0011
nut  2 r=2    .0074 .99 .99 .99
nut  2 r=2.9  .0014 1.0 1.0 1.0
nut  2 r=3.14 .0020 1.0 1.0 1.0
nut  2 none   .0030 .95 .96 .95
bolt 1 r=2    .0015
bolt 1 r=2.9  .0010
bolt 1 r=3.14 .0018
bolt 1 none   .0006
bolt 2 r=2    .0032 .98 .98 .99
bolt 2 r=2.9  .0014 .99 .99 .99
bolt 2 r=3.14 .0011 .99 .99 .99
bolt 2 none   .0011 .99 .99 .99
""",
    "b.4": """
nut 1 quaternion .0011
nut 1 ortho6d    .0018
nut 1 axis-angle .0042
nut 2 quaternion .0014 1.0 1.0 1.0
nut 2 ortho6d    .0014 1.0 1.0 1.0
nut 2 axis-angle .0022 1.0 1.0 1.0
""",
    "b.5": """
nut 1 m=512  .0011
nut 1 m=1024 .0011
nut 1 m=2048 .0012
nut 2 m=512  .0038 1.0 1.0 1.0
nut 2 m=1024 .0014 1.0 1.0 1.0
nut 2 m=2048 .0060 .99 .99 .99
""",
    "b.6": """
nut 1 ρ=0.1  .0011
nut 1 ρ=0.25 .0010
nut 1 ρ=0.5  .0012
nut 1 ρ=1    .0025
nut 2 ρ=0.1  .0016 .99 .99 .99
nut 2 ρ=0.25 .0017 1.0 1.0 1.0
nut 2 ρ=0.5  .0014 1.0 1.0 1.0
nut 2 ρ=1    .0016 .95 .96 .95
""",
    "b.7": """
nut  1 M=500  .0017
nut  1 M=1000 .0044
nut  1 M=2000 .0011
nut  1 M=3000 .0010
nut  1 M=5000 .0011
nut  2 M=500  .0015 ?   1.0 ?
nut  2 M=1000 .0034 ?   ?   ?
nut  2 M=2000 ?     ?   ?   ?
nut  2 M=3000 .0033 ?   ?   ?
nut  2 M=5000 ?     ?   ?   ?
nut  3 M=500  ?     ?   ?   ?
nut  3 M=1000 .0052 ?   ?   ?
nut  3 M=2000 ?     ?   ?   ?
nut  3 M=3000 ?     ?   ?   ?
nut  3 M=5000 ?     ?   ?   ?
nut  4 M=500  .0058 .96 .96 .97
nut  4 M=1000 .0058 .96 .96 .97
nut  4 M=2000 .0060 .95 .95 .96
nut  4 M=3000 .0065 .95 .94 .96
nut  4 M=5000 .0068 .96 .96 .97
bolt 1 M=500  .0034
bolt 1 M=1000 .0052
bolt 1 M=2000 .0029
bolt 1 M=3000 .0006
bolt 1 M=5000 .0005
bolt 2 M=500  .0010 .97 .97 .97
bolt 2 M=1000 .0032 .96 .96 .96
bolt 2 M=2000 .0009 .99 .99 .99
bolt 2 M=3000 .0009 1.0 1.0 1.0
bolt 2 M=5000 .0011 .96 .96 .96
""",
}


def _values(names, texts):
    return {name: LOST if text == LOST else float(text) for name, text in zip(names, texts, strict=False)}


def _by_object(table, names):
    """Return the cells of a table with a column, or several, for each object."""
    cells = {}
    for line in table.split("\n")[1:-1]:
        count, method, *texts = line.split()
        for number, part in enumerate((*OBJECTS, MEAN)):
            first = number * len(names)
            cells[part, int(count), method] = _values(names, texts[first : first + len(names)])
    return cells


def _by_line(table):
    cells = {}
    for line in table.split("\n")[1:-1]:
        part, count, setting, *texts = line.split()
        cells[part, int(count), setting] = _values(("CD", "F1", "P", "R"), texts)
    return cells


# From the number of a table to its cells: from (object, N, method or setting) to numbers, or `LOST`, by measure.
PRINTED = {
    "4.2": _by_object(_TABLE_4_2, ("F1",)),
    "b.1": _by_object(_TABLE_B_1, ("F1", "P", "R")),
    **{name: _by_line(table) for name, table in _ABLATIONS.items()},
}
