from tests.jobs.conftest import house, stage

__all__ = ["house", "stage"]
