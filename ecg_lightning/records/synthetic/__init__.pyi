from .database import write_synthetic as write_synthetic
