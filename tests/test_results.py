"""docs/results.md says what the committed tables say."""

import pandas as pd
import results
from conftest import ROOT


def test_breeds_are_those_in_plots():
    page = results.PAGE.read_text(encoding="utf-8")
    per_breed = pd.read_csv(ROOT / "plots" / "per_breed.csv")
    _, _, rest = page.partition(results.MARK.format("breeds"))
    assert rest.partition(results.END)[0] == results.breeds(per_breed)


def test_photographs_are_grouped_by_the_size_of_their_pet():
    background = [100, 90, 50, 10, 0]
    per_image = pd.DataFrame(0, range(10), results.tables.COUNTS)
    per_image["network"] = ["unet", "shallow"] * 5
    for place, count in enumerate(background):
        per_image.loc[[2 * place, 2 * place + 1], "background_as_pet"] = count
        per_image.loc[[2 * place, 2 * place + 1], "pet_as_background"] = 100 - count
    groups = results.size_group(per_image)
    assert list(groups.cat.codes) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert next(iter(groups.cat.categories)).startswith("0% to")
